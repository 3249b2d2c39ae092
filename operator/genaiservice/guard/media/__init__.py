# SPDX-License-Identifier: Apache-2.0
"""Labels in files: drawn, heard and in metadata; written, read back and checked. No sockets."""
