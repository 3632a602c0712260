"""Recurrent layers, their cells, and the wrappers of layers."""
