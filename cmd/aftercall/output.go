package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// show prints an answer: as it came, or, decoded into T, for people.
func show[T any](c *cli, raw json.RawMessage, human func(T)) error {
	if c.output == "json" {
		return c.printJSON(raw)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	human(v)
	return nil
}

func (c *cli) printJSON(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err = fmt.Fprintln(c.out, b.String())
	return err
}

func (c *cli) println(a ...any) { _, _ = fmt.Fprintln(c.out, a...) }

// table prints rows under a header. Columns in which nothing stands are left out.
func (c *cli) table(title string, header table.Row, rows []table.Row) {
	if len(rows) == 0 {
		c.println(title)
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleRounded)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Title.Align = text.AlignLeft
	t.SetTitle("%s", title)
	t.AppendHeader(header)
	t.AppendRows(rows)
	t.SuppressEmptyColumns()
	if f, ok := c.terminal(); ok {
		width, _, _ := term.GetSize(int(f.Fd())) // 0 where it is not known
		t.SetColumnConfigs(limits(len(header), width))
	}
	c.println(t.Render())
}

// limits wraps long texts, so that a table fits a terminal that is not narrow.
func limits(columns, width int) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, columns)
	for i := range configs {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: max(40, width/3), WidthMaxEnforcer: text.WrapSoft}
	}
	return configs
}

// terminal returns the terminal that the output goes to, where it goes to one.
func (c *cli) terminal() (*os.File, bool) {
	f, ok := c.out.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// fields prints names and values below each other; empty values are left out.
func (c *cli) fields(title string, pairs ...string) {
	var rows []table.Row
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			rows = append(rows, table.Row{pairs[i], pairs[i+1]})
		}
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleRounded)
	t.Style().Title.Align = text.AlignLeft
	t.SetTitle("%s", title)
	t.AppendRows(rows)
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: 100, WidthMaxEnforcer: text.WrapSoft}})
	c.println(t.Render())
}

// paint colours text on a terminal, unless NO_COLOR asks for none.
func (c *cli) paint(s string, colour text.Color) string {
	if _, ok := c.terminal(); !ok || os.Getenv("NO_COLOR") != "" {
		return s
	}
	return "\x1b[" + strconv.Itoa(int(colour)) + "m" + s + "\x1b[0m"
}

// status colours a status by what it means.
func (c *cli) status(s string) string {
	switch calls.Status(s) {
	case calls.StatusCompleted, "OPEN", "STORED", "DONE", "PLACED":
		return c.paint(s, text.FgGreen)
	case calls.StatusFailed, calls.StatusRejected, calls.StatusNotPlaced, calls.StatusDeadline, "EXPIRED", "REFUSED":
		return c.paint(s, text.FgRed)
	case calls.StatusBusy, calls.StatusNoAnswer, calls.StatusCancelled, calls.StatusUnknown, calls.StatusStopped,
		calls.StatusCompletedWithFailure, "PENDING":
		return c.paint(s, text.FgYellow)
	}
	return s
}

// mask hides a number, where there is one.
func mask(number string) string {
	if number == "" {
		return ""
	}
	return phone.Mask(number)
}

// words is free text of others, without numbers.
func words(s string) string { return phone.Redact(s) }

func clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func seconds(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n) + " s"
}

func yes(b bool, word string) string {
	if b {
		return word
	}
	return ""
}

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}
