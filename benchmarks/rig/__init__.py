# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the guard share: traffic, model server, clients, proxies, processes."""
