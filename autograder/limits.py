"""How much time, memory and output the code of one submission may use."""

from dataclasses import dataclass

MEGABYTE = 1_000_000
FIRST_PASS = 5 / 8
"""The part of the time for a notebook in which nothing is tested again."""


@dataclass(frozen=True)
class Limits:
    """Limits for one submission; sizes are bytes, times are seconds."""

    cell_seconds: float = 60
    call_seconds: float = 10  # one call of a student's function
    own_cells_seconds: float = 2  # shared by the cells that a student has added
    total_seconds: float = 160  # everything, starts of sandboxes included
    memory_bytes: int = 1_000 * MEGABYTE  # all processes of a sandbox, and its files
    processes: int = 32  # and threads, at a time
    scratch_bytes: int = 64 * MEGABYTE  # all files
    file_bytes: int = 16 * MEGABYTE  # the largest file
    output_bytes: int = 100_000  # text that is kept of one cell
    image_bytes: int = 2 * MEGABYTE  # pictures that are kept of one cell
    notebook_outputs: int = 10_000  # kept of all cells together
    notebook_bytes: int = 8 * MEGABYTE
    notebook_pixels: int = 64_000_000
    result_bytes: int = 1 * MEGABYTE  # a value that a student's function returns
    result_items: int = 10_000  # in it, those of nested containers included
    result_depth: int = 20

    @property
    def first_pass_seconds(self) -> float:
        """Time for all cells and tests before anything is tested again; replays count."""
        return FIRST_PASS * self.total_seconds

    @property
    def message_bytes(self) -> int:
        """Size of the largest message that is read from a sandbox: base64 and JSON enlarge it."""
        return 2 * (self.output_bytes + self.image_bytes + self.result_bytes)
