// Command reminder reminds somebody of an appointment: by phone, again where nobody answers, and by a message where the phone
// reaches nobody.
//
//	go run ./reminder                      # nobody answers, so that a message is sent
//	go run ./reminder -to +966500000000    # answered
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

	"github.com/aftercall/aftercall/calls"
)

const taskQueue = "reminder"

func main() {
	to := flag.String("to", "+966500000002", "whom to remind")
	class := flag.String("class", calls.ClassWarning, "what the call is for: service waits for the hours of the day, warning does not")
	flag.Parse()
	if err := run(context.Background(), *to, *class); err != nil {
		log.Fatal(err)
	}
}

// run starts a worker and one reminder, and waits for its end.
func run(ctx context.Context, to, class string) error {
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
	w.RegisterWorkflow(Remind)
	w.RegisterActivity(&Messages{})
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	at := time.Now()
	appointment := Appointment{
		ID: "appointment-" + at.Format("20060102-150405"), To: to, At: at.Add(26 * time.Hour), Class: class,
		// A real one waits for half an hour. Nobody who tries this does.
		Again: map[calls.Status]string{calls.StatusNoAnswer: "3s", calls.StatusBusy: "1s", calls.StatusFailed: "1s"},
	}
	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: appointment.ID, TaskQueue: taskQueue}, Remind, appointment)
	if err != nil {
		return err
	}
	fmt.Println("workflow", started.GetID())
	var reminded Reminded
	if err := started.Get(ctx, &reminded); err != nil {
		return err
	}
	fmt.Printf("result: reminded by %s after %d calls, the last one %s\n", reminded.By, reminded.Calls, reminded.LastCall)
	return nil
}
