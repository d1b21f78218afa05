"""simsvc finds coordinated data set extraction in the prompts of a model API."""

from simsvc.processor import tell_openblas

__version__ = "0.1.0"
# Before anything of this package imports FAISS.
tell_openblas()
