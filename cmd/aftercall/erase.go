package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/phone"
)

// erasure is the API's answer to one part of an erasure, or the sum of all parts.
type erasure struct {
	DryRun      bool           `json:"dryRun,omitempty"`
	Workflows   map[string]int `json:"workflows"`
	Recordings  int            `json:"recordings"`
	Deliveries  int            `json:"deliveries"`
	DeadLetters int            `json:"deadLetters"`
	Running     []struct {
		WorkflowID string `json:"workflowId"`
		Advice     string `json:"advice"`
	} `json:"running,omitempty"`
	Pending    int               `json:"pending,omitempty"`
	Unsure     []string          `json:"unsure,omitempty"`
	Unread     int               `json:"unread,omitempty"`
	Opened     bool              `json:"opened,omitempty"`
	Unhashed   int64             `json:"unhashed,omitempty"`
	Kept       []string          `json:"kept,omitempty"`
	Found      []json.RawMessage `json:"found,omitempty"`
	NextCursor string            `json:"nextCursor,omitempty"`
}

func (e *erasure) add(part erasure) {
	e.DryRun = part.DryRun
	for kind, n := range part.Workflows {
		e.Workflows[kind] += n
	}
	e.Recordings += part.Recordings
	e.Deliveries += part.Deliveries
	e.DeadLetters += part.DeadLetters
	e.Pending += part.Pending
	e.Unread += part.Unread
	e.Unhashed += part.Unhashed
	e.Opened = e.Opened || part.Opened
	e.Running, e.Unsure = append(e.Running, part.Running...), append(e.Unsure, part.Unsure...)
	e.Kept, e.Found = append(e.Kept, part.Kept...), append(e.Found, part.Found...)
}

func (c *cli) eraseCommand() *cobra.Command {
	var number, export string
	cmd := &cobra.Command{
		Use: "erase", Short: "Remove what is kept of a person, by their phone number", Args: cobra.NoArgs,
		Long: "Remove what is kept of a person, by their phone number: closed workflows, recordings, the inbox's bodies of\n" +
			"notifications, dead letters. Running workflows are listed with the command that ends them. The receipt says what was\n" +
			"removed and what remains. The command needs an API key with the scope erase, and may be repeated.",
		Example: "  aftercall erase --phone +966500000005 --dry-run\n  aftercall erase --phone +966500000005 --export person.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !phone.Valid(number) {
				return usageError{errors.New("--phone must be a phone number in E.164, as +966500000005")}
			}
			api, err := c.api()
			if err != nil {
				return err
			}
			if export != "" {
				if err := c.exportPerson(cmd.Context(), api, number, export); err != nil {
					return err
				}
			}
			receipt, err := erasePerson(cmd.Context(), api, number, c.dryRun, false)
			if err != nil {
				return err
			}
			return c.showErasure(receipt)
		},
	}
	cmd.Flags().StringVar(&number, "phone", "", "the person's phone number, in E.164")
	cmd.Flags().StringVar(&export, "export", "", "new file to write everything found to, before anything is removed")
	c.dryRunFlag(cmd)
	return cmd
}

// erasePerson requests one part after the other until none is left.
func erasePerson(ctx context.Context, api *apiclient.Client, number string, dry, export bool) (erasure, error) {
	all := erasure{Workflows: map[string]int{}}
	asked := map[string]any{"phone": number, "dryRun": dry, "export": export}
	for {
		raw, err := api.Do(ctx, http.MethodPost, "/v1/erasures", asked)
		if err != nil {
			return all, err
		}
		var part erasure
		if err := json.Unmarshal(raw, &part); err != nil {
			return all, fmt.Errorf("read answer: %w", err)
		}
		all.add(part)
		if part.NextCursor == "" {
			return all, nil
		}
		asked["cursor"] = part.NextCursor
	}
}

// exportPerson writes everything found into a file that only its owner can read, and syncs it to disk.
func (c *cli) exportPerson(ctx context.Context, api *apiclient.Client, number, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	found, err := erasePerson(ctx, api, number, true, true)
	if err == nil {
		e := json.NewEncoder(f)
		e.SetIndent("", "  ")
		err = errors.Join(e.Encode(map[string]any{"found": append([]json.RawMessage{}, found.Found...)}), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if c.output != "json" {
		c.println(fmt.Sprintf("Exported %d items to %s. Recordings' audio is not included; fetch it with aftercall recording fetch.", len(found.Found), path))
	}
	return nil
}

// showErasure prints a receipt.
func (c *cli) showErasure(e erasure) error {
	if c.output == "json" {
		return c.printJSON(e)
	}
	title := "Removed"
	if e.DryRun {
		title = "Would be removed"
	}
	pairs := []string{}
	for _, kind := range slices.Sorted(maps.Keys(e.Workflows)) {
		pairs = append(pairs, "Workflows "+kind, fmt.Sprint(e.Workflows[kind]))
	}
	c.fields(title, append(pairs, "Recordings", fmt.Sprint(e.Recordings), "Bodies of notifications", fmt.Sprint(e.Deliveries), "Dead letters", fmt.Sprint(e.DeadLetters))...)
	if len(e.Running) > 0 {
		var rows []table.Row
		for _, r := range e.Running {
			rows = append(rows, table.Row{r.WorkflowID, r.Advice})
		}
		c.table("Not removed: still running", table.Row{"Workflow", "What to do"}, rows)
	}
	for _, left := range []struct {
		n    int64
		text string
	}{
		{int64(e.Pending), "notifications still wait for delivery: erase again later"},
		{int64(e.Unread), "bodies or notes of recordings cannot be read: see AFTERCALL_ENCRYPTION_KEYS"},
		{int64(len(e.Unsure)), "workflows hold too many numbers to be indexed by each, and cannot be read: " + strings.Join(e.Unsure, ", ")},
		{e.Unhashed, "workflows cannot be found by a number: they have none, or began before numbers were hashed; Temporal removes them after its retention"},
	} {
		if left.n > 0 {
			c.println(fmt.Sprintf("%d %s", left.n, left.text))
		}
	}
	if e.Opened {
		c.println("The namespace has no slot for PartyHash: every workflow was opened. Recordings whose calls Temporal has forgotten are not found.")
	}
	if len(e.Kept) > 0 {
		c.println("Stays:\n- " + strings.Join(e.Kept, "\n- "))
	}
	return nil
}
