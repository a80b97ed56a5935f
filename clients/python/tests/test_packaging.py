"""The wheel holds everything: it is built from the package that is tested, unpacked alone, and SQLAlchemy finds its dialect."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import troth

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Packaging(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="troth-wheel-"))
        self.addCleanup(shutil.rmtree, self.scratch)

    def run_python(self, code, cwd, path=""):
        reply = subprocess.run([sys.executable, "-c", code], cwd=cwd, env={"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
        self.assertEqual(reply.returncode, 0, reply.stderr)
        return reply.stdout

    def test_the_wheel(self):
        source, unpacked = self.scratch / "source", self.scratch / "unpacked"
        shutil.copytree(pathlib.Path(troth.__file__).parent, source / "troth", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "clients/python/pyproject.toml", source)
        self.run_python("from setuptools.build_meta import build_wheel; build_wheel('dist')", source)
        wheel, = (source / "dist").glob("*.whl")
        self.assertEqual(wheel.name, f"troth-{troth.__version__}-py3-none-any.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
            names = {n for n in archive.namelist() if n.startswith("troth/")}
        self.assertEqual(names, {str(p.relative_to(source)) for p in (source / "troth").rglob("*.py")})
        code = ("import sqlalchemy, troth; print(troth.__file__); "
                "print([sqlalchemy.create_engine(u + '://127.0.0.1:1/x').driver for u in ('troth', 'troth+dbapi', 'sqlite+troth')])")
        self.assertEqual(self.run_python(code, self.scratch, unpacked).split("\n")[:2], [str(unpacked / "troth/__init__.py"), "['troth', 'troth', 'troth']"])

    def test_one_version(self):
        project = re.search(r"project\(troth VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual(project, troth.__version__)
        self.assertIn(f'version = "{project}"', (ROOT / "clients/python/pyproject.toml").read_text())


if __name__ == "__main__":
    unittest.main()
