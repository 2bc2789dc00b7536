// Command collections calls somebody who owes money, and has each conversation looked at by quality control once its
// recording is there.
//
//	go run ./collections                      # answered and recorded
//	go run ./collections -to +966500000001    # busy
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

const taskQueue = "collections"

func main() {
	to := flag.String("to", "+966500000005", "who owes")
	flag.Parse()
	if err := run(context.Background(), *to); err != nil {
		log.Fatal(err)
	}
}

// run starts a worker and one case, and waits for its end.
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
	w.RegisterWorkflow(Collect)
	w.RegisterActivity(&Quality{})
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	claim := Claim{ID: "claim-" + time.Now().Format("20060102-150405"), To: to}
	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: claim.ID, TaskQueue: taskQueue}, Collect, claim)
	if err != nil {
		return err
	}
	fmt.Println("workflow", started.GetID())
	var report Report
	if err := started.Get(ctx, &report); err != nil {
		return err
	}
	fmt.Printf("result: call %s, recording %s, %s\n", report.Call, report.Recording, report.Verdict)
	return nil
}
