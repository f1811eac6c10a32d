"""Train, evaluate and export MornGAN generators (Luo et al., night thermal to daytime colour)."""
