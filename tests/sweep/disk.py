"""Where one machine keeps its files: a plain directory, or an ext4 image of its own that can lose power."""
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
CLONE_NEWNS = 0x00020000
NO_LOG_FLUSH = 2  # what is neither in the file system's journal nor forced is gone


def own_mounts():
    """Mounts of this process are seen by nobody else from here on, and end with it. Else a process that copies them meanwhile
    (ip netns exec does) keeps a file system alive that lost power, and the next mount of the image gets that dead one: errors for every read.
    To be called while there is one thread. Without the right to it nothing can be mounted either."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def unmount(path):
    """A process that another thread of the sweep is just starting may hold it for a moment."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return run("umount", path)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


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

    def __init__(self, path, image=None):
        self.path, self.image, self.mounted = path, image or path + ".img", False
        os.makedirs(path)
        self.make_file_system()
        self.mount()

    def make_file_system(self):
        with open(self.image, "wb") as f:
            f.truncate(self.MEGABYTES << 20)
        run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=1,nodiscard", "-O", "^resize_inode", self.image)

    def mount(self):
        # Without noinit_itable a kernel thread zeroes inode tables a while later, and their blocks become holes that can be written to.
        run("mount", "-o", "loop,commit=600,noatime,noinit_itable", self.image, self.path)
        self.mounted = True

    def unmount(self):
        if self.mounted:
            unmount(self.path)
            self.mounted = False

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


class FailingDisk(PowerDisk):
    """A power disk whose blocks can be refused: writing back fails as on a broken device, once for each page, and the kernel keeps
    what was not written in its cache, marked clean. Only data is refused: the journal and the inode tables have their blocks."""

    def __init__(self, path):
        self.memory = path + ".mem"
        os.makedirs(self.memory)
        run("mount", "-t", "tmpfs", "-o", f"size={self.MEGABYTES + 8}m", "tmpfs", self.memory)
        try:
            super().__init__(path, os.path.join(self.memory, "img"))
            run("fstrim", path)  # free blocks have no memory now
        except BaseException:
            run("umount", "-l", self.memory)
            raise

    def make_file_system(self):
        super().make_file_system()
        with open(self.image, "r+b") as f:
            os.posix_fallocate(f.fileno(), 0, self.MEGABYTES << 20)

    def mount(self):
        super().mount()
        device = subprocess.run(["findmnt", "-n", "-o", "SOURCE", self.path], capture_output=True, text=True, check=True).stdout.strip()
        name = os.path.basename(device)
        # Else ext4 writes zeros into what is reserved as soon as it is touched, and nothing is refused any more.
        with open(f"/sys/fs/ext4/{name}/extent_max_zeroout_kb", "w") as f:
            f.write("0")
        # The loop driver calls a write of several pages a success if the first of them was one.
        with open(f"/sys/block/{name}/queue/max_sectors_kb", "w") as f:
            f.write("4")

    def refuse(self):
        with open(os.path.join(self.memory, "filler"), "wb", buffering=0) as f:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        f.write(b"f" * size)
                except OSError:
                    pass

    def accept(self):
        """Blocks are there again. Should the file system have given up meanwhile, it is mounted anew, as an operator would."""
        os.remove(os.path.join(self.memory, "filler"))
        trial = os.path.join(self.path, "trial")
        try:
            with open(trial, "wb") as f:
                f.write(b"x")
                os.fsync(f.fileno())
            os.remove(trial)
        except OSError:
            self.unmount()
            self.mount()

    def close(self):
        super().close()
        if os.path.ismount(self.memory):
            unmount(self.memory)


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
