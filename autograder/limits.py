"""How much time, memory and output the code of one submission may use.

By default a notebook holds its worker for 180 seconds at most: `total_seconds` from its first byte
to its last test, starts of sandboxes, the check of the rules, replays and second passes included;
and a moment to end its processes.
"""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Limits for one submission; sizes are bytes, times are seconds of wall clock.

    Attributes
    ----------
    cell_seconds, call_seconds : float
        Time for one cell, and for one call of a student's function.
    own_cells_seconds : float
        Time that the cells which a student has added share. What takes longer is interrupted, and
        run again in full only if an exercise misses a name of it.
    first_pass_seconds : float
        Time for all cells and tests before anything is tested again; what runs again after the
        loss of a sandbox counts.
    total_seconds : float
        Time for everything, reading and starts of sandboxes included. The exercises that failed
        share what the first pass has left of it.
    memory_bytes : int
        Memory of all processes of the sandbox together, files in its scratch space included.
    processes : int
        Number of processes and threads that may exist at a time.
    scratch_bytes, file_bytes : int
        Size of the scratch space, and of the largest single file in it.
    output_bytes, image_bytes : int
        Text and pictures (PNG) that are kept of one cell.
    notebook_outputs, notebook_bytes, notebook_pixels : int
        What is kept of the outputs of all cells together: their number, their size (each output
        and each line counts with what it costs a page), and width times height of the pictures.
    result_bytes, result_items, result_depth : int
        Size of a value that a student's function returns: its bytes, the number of its items
        (those of nested containers included), and how deep containers may be nested.
    """

    cell_seconds: float = 60
    call_seconds: float = 10
    own_cells_seconds: float = 2
    first_pass_seconds: float = 100
    total_seconds: float = 160
    memory_bytes: int = 1_000 * MEGABYTE
    processes: int = 32
    scratch_bytes: int = 64 * MEGABYTE
    file_bytes: int = 16 * MEGABYTE
    output_bytes: int = 100_000
    image_bytes: int = 2 * MEGABYTE
    notebook_outputs: int = 10_000
    notebook_bytes: int = 8 * MEGABYTE
    notebook_pixels: int = 64_000_000
    result_bytes: int = 1 * MEGABYTE
    result_items: int = 10_000
    result_depth: int = 20

    @property
    def message_bytes(self) -> int:
        """Size of the largest message that is read from a sandbox.

        Base64 and JSON escapes enlarge what they carry, by less than a factor of two in answers
        that are not meant to do harm.
        """
        return 2 * (self.output_bytes + self.image_bytes + self.result_bytes)
