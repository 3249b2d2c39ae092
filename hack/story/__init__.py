# SPDX-License-Identifier: Apache-2.0
"""The story that `make demo` tells: the real parts, narrated step by step."""
