# SPDX-License-Identifier: Apache-2.0
"""Copies of the decision log for an OTLP receiver: each line as it stands, once it is on disk.

The file is the record; a receiver that is down costs copies and never a request. The body of a
log record is the whole line, so the chain can be verified from the receiver's side as well.
"""

import threading
from typing import TYPE_CHECKING, Any, Final

import orjson

from genaiservice.api.guard_config import GuardConfig
from genaiservice.guard.telemetry import CLOSE_SECONDS, EXPORT_SECONDS, resource_of, sender

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter

QUEUE_RECORDS: Final = 8192
ATTRIBUTES: Final = ("event", "direction", "action", "risk", "reason", "request", "sequence")


class Copies:
    def __init__(self, config: GuardConfig, exporter: "LogRecordExporter", version: str) -> None:
        from opentelemetry._logs import SeverityNumber
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        self._exporter = exporter
        self._severity = SeverityNumber.INFO
        self._provider = LoggerProvider(
            resource=resource_of(config, version), shutdown_on_exit=False
        )
        self._provider.add_log_record_processor(
            BatchLogRecordProcessor(
                exporter,
                schedule_delay_millis=1000,
                export_timeout_millis=EXPORT_SECONDS * 1000,
                max_queue_size=QUEUE_RECORDS,
            )
        )
        self._logger = self._provider.get_logger("genaiservice.guard.decisions", version)

    def send(self, lines: bytes) -> None:
        for data in lines.splitlines():
            line: dict[str, Any] = orjson.loads(data)
            self._logger.emit(
                severity_number=self._severity,
                body=data.decode(),
                event_name=f"genaiservice.{line['event']}",
                attributes={
                    f"genaiservice.{key}": line[key]
                    for key in ATTRIBUTES
                    if line.get(key, "") != ""
                },
            )

    def close(self) -> None:
        """Sends what is queued, for CLOSE_SECONDS at most; blocks, so call it on a thread."""
        limit = threading.Timer(CLOSE_SECONDS, self._exporter.shutdown)
        limit.daemon = True
        limit.start()
        self._provider.shutdown()
        limit.cancel()


def copies_for(config: GuardConfig, version: str) -> Copies | None:
    """As configured; None loads nothing of OpenTelemetry."""
    endpoint = config.telemetry.otlp_endpoint
    if endpoint is None or not config.record.otlp:
        return None
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    address, transport = sender(endpoint, "logs")
    exporter = OTLPLogExporter(endpoint=address, timeout=EXPORT_SECONDS, _transport=transport)
    return Copies(config, exporter, version)
