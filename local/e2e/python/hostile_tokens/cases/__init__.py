"""The cases, one module for each thing that can be wrong. Each `refused(scene)` yields them."""
