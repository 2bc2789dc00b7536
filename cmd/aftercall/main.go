// Command aftercall is the product: the webhook, the API and the workers, and the commands of its operators. It only reads
// arguments and settings and prints answers; internal/app and a running aftercall do the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // calling hours need time zones, which a small image lacks
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
