"""Two PostgreSQL and two MariaDB servers, fully durable, on loopback, in a directory of their own."""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import time

ACCOUNTS = 100000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(command, log, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs)
    with open(log, "a") as f:
        f.write(done.stdout)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout.strip()[-400:]}")
    return done.stdout


def as_user(user):
    """PostgreSQL refuses to run as root; then its package's own user runs it (and nobody runs MariaDB)."""
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


def own_directory(base, name, user):
    path = os.path.join(base, name)
    os.mkdir(path, 0o700)
    if os.geteuid() == 0:
        shutil.chown(path, user)
    return path


@contextlib.contextmanager
def postgres(base):
    """Yields (two connection strings, version)."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
    log = os.path.join(base, "postgres.log")
    started, where = [], []
    try:
        for i in (1, 2):
            data, port = own_directory(base, f"postgres{i}", "postgres"), free_port()
            settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 300,
                        "max_prepared_transactions": 300, "shared_buffers": "256MB", "max_wal_size": "4GB", "fsync": "on",
                        "synchronous_commit": "on", "full_page_writes": "on"}
            run([*as_user("postgres"), f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"], log, cwd="/")
            flags = " ".join(f"-c {k}='{v}'" for k, v in settings.items())
            run([*as_user("postgres"), f"{programs}/pg_ctl", "-D", data, "-w", "-l", os.path.join(data, "server.log"), "-o", flags, "start"],
                log, cwd="/")
            started.append(data)
            where.append(f"host=127.0.0.1 port={port} user=postgres dbname=postgres")
            run([f"{programs}/psql", where[-1], "-q", "-v", "ON_ERROR_STOP=1", "-c",
                 "CREATE TABLE bench_accounts(id bigint PRIMARY KEY, balance bigint NOT NULL)", "-c",
                 f"INSERT INTO bench_accounts SELECT i, 1000 FROM generate_series(1, {ACCOUNTS}) i", "-c", "VACUUM ANALYZE bench_accounts"], log)
        yield where, run([f"{programs}/postgres", "--version"], log).strip()
    finally:
        for data in started:
            run([*as_user("postgres"), f"{programs}/pg_ctl", "-D", data, "-m", "fast", "-w", "stop"], log, cwd="/")


@contextlib.contextmanager
def mariadb(base):
    """Yields (two ports, version)."""
    log = os.path.join(base, "mariadb.log")
    started, ports = [], []
    user = ["--user=nobody"] if os.geteuid() == 0 else []
    try:
        for i in (1, 2):
            data, port = own_directory(base, f"mariadb{i}", "nobody"), free_port()
            run(["mariadb-install-db", "--no-defaults", *user, f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"], log)
            init = os.path.join(base, f"mariadb{i}.sql")
            with open(init, "w") as f:
                f.write("CREATE DATABASE bench;\nCREATE USER bench@'127.0.0.1';\nGRANT ALL ON bench.* TO bench@'127.0.0.1';\n"
                        "CREATE TABLE bench.bench_accounts(id BIGINT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE=InnoDB;\n"
                        f"INSERT INTO bench.bench_accounts SELECT seq, 1000 FROM bench.seq_1_to_{ACCOUNTS};\n")
            os.chmod(init, 0o644)
            command = ["mariadbd", "--no-defaults", *user, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
                       f"--socket={data}/s", "--pid-file=" + data + "/pid", "--skip-log-bin", "--skip-name-resolve", "--max-connections=300",
                       "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=1G", "--innodb-flush-log-at-trx-commit=1",
                       "--innodb-doublewrite=ON", f"--init-file={init}"]
            with open(log, "a") as out:
                started.append(subprocess.Popen(command, stdout=out, stderr=out))
            ports.append(str(port))
        for process, port in zip(started, ports):
            wait_until_ready(process, port)
        yield ports, run(["mariadbd", "--no-defaults", "--version"], log).strip()
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def wait_until_ready(process, port, limit=60):
    """The init file has been run when the port answers."""
    until = time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", int(port)), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("mariadbd did not start")
