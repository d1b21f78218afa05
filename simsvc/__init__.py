"""simsvc finds coordinated data set extraction in the prompts of a model API."""

__version__ = "0.1.0"
