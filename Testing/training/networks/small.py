"""A network of the smallest sizes."""

from Training.networks.config import NetworkConfig

SMALL = NetworkConfig(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), decoder_width=8, stem_width=4)
