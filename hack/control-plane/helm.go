// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"

	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
)

func runHelm() int {
	ownFlags("helm")
	// Helm would otherwise sign server-side apply with the name of this executable.
	kube.ManagedFieldsManager = "helm"
	command, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		return failed("helm", err)
	}
	err = command.Execute() // cobra prints the error
	if ended, ok := errors.AsType[helm.CommandError](err); ok {
		return ended.ExitCode
	}
	if err != nil {
		return 1
	}
	return 0
}
