"""Pages for people: words, tables and plots from numbers, in one file that needs nothing else."""
