package masking_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/masking"
)

func always(calls.MaskedCall) bool { return true }

func TestOnlyAHigherRevisionReplaces(t *testing.T) {
	var b masking.Book
	newer := said("a", inbound("i1", 0, 30))
	newer.Revision = 3
	older := newer
	older.Revision, older.Legs = 2, []calls.Leg{with(inbound("i1", 0, 30), func(l *calls.Leg) { l.Status = calls.StatusRinging })}

	require.Equal(t, masking.LegMoved, b.Apply(newer, noon))
	require.Equal(t, masking.Nothing, b.Apply(newer, noon))
	require.Equal(t, masking.Nothing, b.Apply(older, noon))
	require.Equal(t, calls.StatusCompleted, b.Story()[0].Inbound.Status)

	stored := newer
	stored.Revision, stored.Recordings = 4, []calls.Recording{{CallKey: "a", Status: calls.RecordingStored}}
	require.Equal(t, masking.Refreshed, b.Apply(stored, noon))
	require.Equal(t, masking.Nothing, b.Apply(calls.CallState{CallKey: "b", Revision: 1}, noon), "a call without a leg")
}

func TestFoldCountsEachCallOnce(t *testing.T) {
	var b masking.Book
	for i := range 10 {
		in, out := fmt.Sprint("i", i), fmt.Sprint("o", i)
		b.Apply(said("k"+in, inbound(in, 100*i, 100*i+30)), noon)
		b.Apply(said("k"+out, with(outbound(out, 100*i+2, 100*i+30), func(l *calls.Leg) { l.RecordingID = "recording-" + out })), noon)
	}
	stay, gone := b.Fold(b.Story(), 3, 1<<20, always)
	require.Equal(t, []string{"PAIRED i7 o7", "PAIRED i8 o8", "PAIRED i9 o9"}, shape(stay))
	require.Len(t, gone, 7)
	require.Equal(t, stay, b.Story())
	require.Equal(t, calls.MaskingTotals{Calls: 7, Paired: 7, Completed: 7}, b.Earlier)
	require.Len(t, b.Recordings, 7)

	late := said("ki2", inbound("i2", 200, 230))
	late.Revision = 9
	require.Equal(t, masking.TooLate, b.Apply(late, noon))
	require.Equal(t, stay, b.Story())
}

func TestFoldWaitsForWhatIsNotSettledUnlessTheBookIsTooLarge(t *testing.T) {
	var b masking.Book
	for i := range 6 {
		b.Apply(said(fmt.Sprint("k", i), inbound(fmt.Sprint("i", i), 100*i, 100*i+30)), noon)
	}
	open := func(c calls.MaskedCall) bool { return c.Inbound.CallSID != "i0" }
	stay, _ := b.Fold(b.Story(), 2, 1<<20, open)
	require.Equal(t, []string{"PARTIAL i0", "PARTIAL i5"}, shape(stay))
	stay, _ = b.Fold(b.Story(), 2, b.Size()-1, open)
	require.Equal(t, []string{"PARTIAL i0"}, shape(stay))
	stay, _ = b.Fold(b.Story(), 2, b.Size()-1, open)
	require.Empty(t, stay)
}

func TestFoldKeepsTheOtherLegsOfASharedCallKey(t *testing.T) {
	var b masking.Book
	b.Apply(said("a", inbound("i1", 0, 30), outbound("o1", 2, 30), inbound("i2", 60, 90)), noon)
	stay, _ := b.Fold(b.Story(), 1, 1<<20, always)
	require.Equal(t, []string{"PARTIAL i2"}, shape(stay))
	again := said("a", inbound("i1", 0, 30), outbound("o1", 2, 30), inbound("i2", 60, 90), outbound("o2", 62, 90))
	require.Equal(t, masking.LegMoved, b.Apply(again, noon))
	require.Equal(t, []string{"PAIRED i2 o2"}, shape(b.Story()))
	require.Equal(t, 1, b.Earlier.Calls)
}

func TestABookSurvivesItsJSON(t *testing.T) {
	var b, again masking.Book
	b.Apply(said("a", inbound("i1", 0, 30), outbound("o1", 2, 30)), noon)
	b.Apply(said("b", inbound("i2", 60, 90)), noon)
	_, _ = b.Fold(b.Story(), 1, 1<<20, always)
	text, err := json.Marshal(b)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, b, again)
	require.Equal(t, masking.TooLate, again.Apply(said("a", inbound("i1", 0, 30)), noon))
}
