"""One absolute end for everything that a call does: resolve, connect, send, receive, pauses, repetitions."""
import time


class Deadline:
    """A moment on the monotonic clock."""

    def __init__(self, seconds):
        self.at = time.monotonic() + seconds

    def left(self):
        """Seconds, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    def passed(self):
        return time.monotonic() >= self.at

    def within(self, seconds):
        """The earlier of this deadline and `seconds` from now."""
        other = Deadline(seconds)
        other.at = min(other.at, self.at)
        return other
