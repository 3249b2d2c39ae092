// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// runCollector is an OpenTelemetry Collector with what the story needs: OTLP comes in, and goes
// out to a file (one JSON document a line, read by tests and demo) or to the log.
func runCollector() int {
	ownFlags("otelcol")
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Description: "OpenTelemetry Collector", Version: "0.165.0"},
		Factories: collectorParts,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				DefaultScheme: "env",
				ProviderFactories: []confmap.ProviderFactory{
					envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
				},
			},
		},
	})
	if err := command.ExecuteContext(context.Background()); err != nil {
		return failed("otelcol", err)
	}
	return 0
}

func collectorParts() (parts otelcol.Factories, err error) {
	var in, between, out error
	parts.Receivers, in = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	parts.Processors, between = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory())
	parts.Exporters, out = otelcol.MakeFactoryMap[exporter.Factory](debugexporter.NewFactory(), fileexporter.NewFactory())
	parts.Telemetry = otelconftelemetry.NewFactory()
	return parts, errors.Join(in, between, out)
}
