"""The schema by which Jenkins' xUnit plugin reads JUnit files."""

from __future__ import annotations

from pathlib import Path

SCHEMA = Path(__file__).with_name("jenkins.xsd")
