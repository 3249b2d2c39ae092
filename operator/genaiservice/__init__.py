# SPDX-License-Identifier: Apache-2.0
"""Operator and guard for generative-AI services under the Interim Measures."""

__version__ = "0.1.0"
