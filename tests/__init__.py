"""The project's tests; the folders mirror the tree (CONTRIBUTING.md)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
