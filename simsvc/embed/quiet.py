"""OpenVINO, without its telemetry: import `ov` and its operations `ops` from here.

OpenVINO's package for telemetry asks nobody before it reports. Where that package cannot be
imported, OpenVINO does without.
"""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_modules["openvino_telemetry"] = None

import openvino as ov  # noqa: E402 - after that.
from openvino import opset13 as ops  # noqa: E402 - the same.

__all__ = ["ops", "ov"]
