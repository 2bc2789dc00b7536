// Command aftercall-dev runs everything that aftercall needs in one process, on this machine only: an embedded Temporal
// server with its UI, the simulator of the provider, serve and worker. It is for trying and for development; nothing of
// it is part of the product.
package main

import (
	"os"

	"github.com/aftercall/aftercall/internal/dev"
)

func main() {
	os.Exit(dev.Program{
		Name: "aftercall-dev",
		Usage: "aftercall-dev runs everything on this machine: Temporal and its UI, a simulator of the provider, and aftercall.\n" +
			"It needs no setting, and rings no phone.\n\n",
		WithoutData: "all is gone at the end",
		UINote:      "every call is a workflow",
		Temporal:    &embedded{},
	}.Main(os.Args[1:]))
}
