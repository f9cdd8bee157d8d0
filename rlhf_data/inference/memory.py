"""Memory of a device: what it says when there is too little, and what a C library does with what is freed."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def keep_freed() -> None:
    """Has glibc keep what a layer frees for the next one, up to 256 MiB; other C libraries are left as they are.

    As it comes, it gives large tensors back to the system at once, and the next layer takes them again page by page: of
    the CPU time of a Llama of 1M parameters over 2,400 tokens a pass, a fifth.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most that 64-bit glibc itself would come to
        library.mallopt(M_TRIM_THRESHOLD, 256 * 2**20)


def out_of_memory(error: Exception) -> bool:
    """On a CPU, torch says so in words only."""
    import torch

    said = ("not enough memory", "DefaultCPUAllocator", "std::bad_alloc")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in str(error) for words in said)
