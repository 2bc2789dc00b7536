// Command aftercall-dev runs everything that aftercall needs in one process, on this machine only: an embedded Temporal
// server with its UI, the simulator of the provider, serve and worker. It is for trying and for development; nothing of
// it is part of the product.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	began := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends us at once
	f, err := parseFlags(os.Args[1:], os.Stderr)
	if err == nil {
		err = run(ctx, f, began)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "aftercall-dev:", err)
		os.Exit(1)
	}
}
