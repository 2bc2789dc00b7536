// Command delivery lets a courier and a customer call each other, and neither sees the other's number. The session ends with
// the delivery.
//
//	go run ./delivery
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/calls"
)

const (
	taskQueue = "delivery"
	courier   = "+966500000021"
	customer  = "+966500000022"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run starts a worker and one delivery, and plays the courier.
func run(ctx context.Context) error {
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
	w.RegisterWorkflow(Deliver)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	order := Order{ID: "order-" + time.Now().Format("20060102-150405"), Courier: courier, Customer: customer}
	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: order.ID, TaskQueue: taskQueue}, Deliver, order)
	if err != nil {
		return err
	}
	fmt.Println("workflow", started.GetID())
	mask, err := opened(ctx, c, order.ID)
	if err != nil {
		return err
	}
	fmt.Println("both call", mask.MaskingNumber)
	if err := ring(ctx, mask.MaskID); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // they talk
	if err := c.SignalWorkflow(ctx, order.ID, "", SignalDelivered, nil); err != nil {
		return err
	}
	var summary calls.MaskingSummary
	if err := started.Get(ctx, &summary); err != nil {
		return err
	}
	fmt.Printf("result: session %s, %d calls\n", summary.Reason, summary.Totals.Calls)
	return nil
}

// opened waits until there is a number to call.
func opened(ctx context.Context, c client.Client, id string) (mask calls.Mask, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		answer, err := c.QueryWorkflow(ctx, id, "", QueryMask)
		if err == nil && answer.Get(&mask) == nil && mask.MaskingNumber != "" {
			return mask, nil
		}
	}
	return mask, fmt.Errorf("order %s has no mask", id)
}

// ring has the simulator play a call of the courier's, where one is named: SIMULATOR_URL, with make dev http://127.0.0.1:8081.
func ring(ctx context.Context, maskID string) error {
	simulator := os.Getenv("SIMULATOR_URL")
	if simulator == "" {
		return nil
	}
	body, err := json.Marshal(map[string]string{"maskId": maskID, "from": courier})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, simulator+"/simulator/masked-call", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		return fmt.Errorf("the simulator answers %s", res.Status)
	}
	return nil
}
