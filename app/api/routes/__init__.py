"""Each module translates HTTP for one part of the contract, and does nothing else."""
