"""Where one machine keeps its files: a plain directory, or an ext4 image of its own that can lose power."""
import fcntl
import os
import shutil
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # what is neither in the file system's journal nor forced is gone


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


class PlainDisk:
    """Survives a SIGKILL as a page cache does: whatever was written is there."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path)

    def lose_power(self):
        raise AssertionError("a plain directory cannot lose power")

    def close(self):
        pass


class PowerDisk:
    """ext4 on a loop device. Its journal commits only when somebody forces it, never by time."""

    MEGABYTES = 48

    def __init__(self, path):
        self.path, self.image, self.mounted = path, path + ".img", False
        os.makedirs(path)
        with open(self.image, "wb") as f:
            f.truncate(self.MEGABYTES << 20)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,nodiscard", "-O", "^resize_inode", self.image)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop,commit=600,noatime", self.image, self.path)
        self.mounted = True

    def unmount(self):
        """A process that another thread of the sweep is just starting may hold it for a moment."""
        deadline = time.monotonic() + 20
        while self.mounted:
            try:
                run("umount", self.path)
                self.mounted = False
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def lose_power(self):
        """To be called when the machine's processes are dead: forgets everything that was not forced."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)
        self.unmount()
        self.mount()

    def close(self):
        self.unmount()


def why_no_power_loss(scratch):
    """None if power can be lost here, else the reason in words. Tries it: an unforced file must be gone, a forced one kept."""
    probe = os.path.join(scratch, "probe")
    disk = None
    try:
        disk = PowerDisk(probe)
        with open(os.path.join(probe, "forced"), "wb") as f:
            f.write(b"x")
            os.fsync(f.fileno())
        with open(os.path.join(probe, "unforced"), "wb") as f:
            f.write(b"x")
        disk.lose_power()
        if sorted(os.listdir(probe)) != ["forced", "lost+found"]:
            return f"the shutdown ioctl did not drop what was unforced: {os.listdir(probe)}"
        return None
    except OSError as error:
        return str(error)
    finally:
        if disk is not None:
            disk.close()
        shutil.rmtree(probe, ignore_errors=True)
        if os.path.exists(probe + ".img"):
            os.remove(probe + ".img")


def unmount_below(scratch):
    """What an interrupted sweep left mounted."""
    with open("/proc/self/mounts") as f:
        points = [line.split()[1] for line in f]
    for point in points:
        if point.startswith(scratch + "/"):
            subprocess.run(["umount", "-l", point], check=False)
