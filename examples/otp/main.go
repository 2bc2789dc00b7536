// Command otp speaks a one-time code: before all other calls, and not at all once the code is of no use any more.
//
//	go run ./otp                      # answered
//	go run ./otp -to +966500000002    # not answered: the user asks for another code
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
)

const taskQueue = "otp"

func main() {
	to := flag.String("to", "+966500000000", "who logs in")
	flag.Parse()
	if err := run(context.Background(), *to); err != nil {
		log.Fatal(err)
	}
}

// run starts a worker and speaks one code.
func run(ctx context.Context, to string) error {
	options, err := envconfig.LoadDefaultClientOptions() // TEMPORAL_ADDRESS and its like; by default that of make dev
	if err != nil {
		return err
	}
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	c, err := client.Dial(options)
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(Speak)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	login := "login-" + time.Now().Format("20060102-150405")
	code := Code{Login: login, To: to, Digits: "4711", ValidFor: 2 * time.Minute}
	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: login, TaskQueue: taskQueue}, Speak, code)
	if err != nil {
		return err
	}
	fmt.Println("workflow", started.GetID())
	var spoken bool
	if err := started.Get(ctx, &spoken); err != nil {
		return err
	}
	fmt.Println("result: the code was spoken:", spoken)
	return nil
}
