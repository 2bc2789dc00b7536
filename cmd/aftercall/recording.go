package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/apiclient"
)

func (c *cli) recordingCommand() *cobra.Command {
	return group("recording", "List, show, retry, fetch and delete recordings", c.recordingListCommand(),
		c.recordingOneCommand("show", "Show the state of a recording", http.MethodGet, ""),
		c.recordingRetryCommand(), c.recordingFetchCommand(),
		c.recordingOneCommand("delete", "Delete the bytes of a stored recording; its record stays", http.MethodDelete, ""))
}

func (c *cli) recordingListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list CALL", Short: "List the recordings of a call", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := c.listRecordings(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(list)
			}
			c.recordings(list)
			return nil
		},
	}
}

// listRecordings asks the API for the call. If Temporal has already removed it, the store may still have its recordings.
func (c *cli) listRecordings(ctx context.Context, id string) ([]calls.Recording, error) {
	api, err := c.api()
	if err != nil {
		return nil, err
	}
	raw, err := api.Do(ctx, http.MethodGet, callPath(id), nil)
	if apiclient.NotFound(err) {
		raw, err = api.Do(ctx, http.MethodGet, recordingPath(id, "", ""), nil)
		if err != nil {
			return nil, err
		}
		var one calls.Recording
		return []calls.Recording{one}, json.Unmarshal(raw, &one)
	}
	if err != nil {
		return nil, err
	}
	var call calls.CallState
	return call.Recordings, json.Unmarshal(raw, &call)
}

func (c *cli) recordingOneCommand(verb, short, method, suffix string) *cobra.Command {
	var leg string
	cmd := &cobra.Command{
		Use: verb + " CALL", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(cmd.Context(), c, method, recordingPath(args[0], suffix, leg), nil, func(r calls.Recording) {
				c.recordings([]calls.Recording{r})
				if r.SHA256 != "" {
					c.println("SHA-256 " + r.SHA256)
				}
			})
		},
	}
	legFlag(cmd, &leg)
	if method != http.MethodGet {
		c.dryRunFlag(cmd)
	}
	return cmd
}

func (c *cli) recordingRetryCommand() *cobra.Command {
	var leg string
	var pending, expired bool
	cmd := &cobra.Command{
		Use: "retry CALL | --all-pending | --all-expired", Short: "Retry recordings that are not stored, now",
		Args: func(cmd *cobra.Command, args []string) error {
			if pending || expired {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case pending:
				return c.retryAll(cmd.Context(), "/v1/recordings", "pending", "recording")
			case expired:
				return c.retryAll(cmd.Context(), "/v1/recordings", "expired", "recording")
			}
			return change(cmd.Context(), c, http.MethodPost, recordingPath(args[0], "/retry", leg), nil, func(r calls.Recording) {
				c.recordings([]calls.Recording{r})
				c.println("The recording is being retried; see the result with recording show.")
			})
		},
	}
	legFlag(cmd, &leg)
	c.dryRunFlag(cmd)
	cmd.Flags().BoolVar(&pending, "all-pending", false, "every recording that waits for its next attempt")
	cmd.Flags().BoolVar(&expired, "all-expired", false, "every recording that was lost")
	cmd.MarkFlagsMutuallyExclusive("all-pending", "all-expired", "leg")
	return cmd
}

func (c *cli) recordingFetchCommand() *cobra.Command {
	var leg, file string
	cmd := &cobra.Command{
		Use: "fetch CALL", Short: "Download a stored recording into a file, and verify it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.fetch(cmd.Context(), args[0], leg, file) },
	}
	legFlag(cmd, &leg)
	cmd.Flags().StringVar(&file, "file", "", "output file, - for standard output; default: a name made from the call's id")
	return cmd
}

func (c *cli) fetch(ctx context.Context, id, leg, file string) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	raw, err := api.Do(ctx, http.MethodGet, recordingPath(id, "", leg), nil)
	if err != nil {
		return err
	}
	var rec calls.Recording
	if err := json.Unmarshal(raw, &rec); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if rec.Status != calls.RecordingStored {
		return fmt.Errorf("the recording is %s; only a stored one can be fetched", rec.Status)
	}
	audio := recordingPath(id, "/audio", rec.LegHash)
	if file == "-" {
		return api.Download(ctx, audio, c.out)
	}
	if file == "" {
		file = rec.CallKey + "-" + rec.LegHash + extension(rec.ContentType)
	}
	return c.save(file, rec, func(w io.Writer) error { return api.Download(ctx, audio, w) })
}

// save writes a temporary file and renames it once the bytes are complete and match the stored hash.
func (c *cli) save(file string, rec calls.Recording, download func(io.Writer) error) error {
	part, err := os.CreateTemp(filepath.Dir(file), ".aftercall-*")
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	defer func() { _ = os.Remove(part.Name()) }()
	sum := sha256.New()
	if err := errors.Join(download(io.MultiWriter(part, sum)), part.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != rec.SHA256 {
		return fmt.Errorf("the received bytes have SHA-256 %s, not %s; try again", got, rec.SHA256)
	}
	if err := os.Rename(part.Name(), file); err != nil {
		return fmt.Errorf("rename file: %w", err)
	}
	if c.output == "json" {
		return c.printJSON(map[string]any{"file": file, "recording": rec})
	}
	c.println("Saved " + file + ", SHA-256 verified.")
	return nil
}

func extension(contentType string) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch kind {
	case "audio/wav", "audio/x-wav", "audio/wave":
		return ".wav"
	case "audio/mpeg", "audio/mp3":
		return ".mp3"
	case "audio/ogg":
		return ".ogg"
	}
	return ".audio"
}

func legFlag(cmd *cobra.Command, leg *string) {
	cmd.Flags().StringVar(leg, "leg", "", "callSid of the leg, or its hash; default: the first leg with a recording")
}

func recordingPath(id, suffix, leg string) string {
	path := "/v1/recordings/" + url.PathEscape(id) + suffix
	if leg != "" {
		path += "?leg=" + url.QueryEscape(leg)
	}
	return path
}
