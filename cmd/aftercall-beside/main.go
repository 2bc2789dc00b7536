// Command aftercall-beside runs aftercall and the simulator of the provider beside an existing Temporal, on this machine
// only. It is for trying and for development; nothing of it is part of the product.
package main

import (
	"os"

	"github.com/aftercall/aftercall/internal/dev"
)

func main() {
	os.Exit(dev.Program{
		Name: "aftercall-beside",
		Usage: "aftercall-beside runs aftercall and a simulator of the provider, beside a Temporal that is there already, like that of\n" +
			"`temporal server start-dev`. It needs no setting, and rings no phone.\n\n",
		WithoutData: "a folder of this namespace's own",
		UINote:      "every call is a workflow; give it the codec server (the glasses at its top) to read what is encrypted",
		Temporal:    &dev.Beside{},
	}.Main(os.Args[1:]))
}
