package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/rules"
)

func TestRuled(t *testing.T) {
	t.Parallel()
	out, err := intake.OutboundJSON(request(t, nil), none, now)
	require.NoError(t, err)
	require.NoError(t, out.Ruled(rules.Rules{}, nil))
	require.NoError(t, out.Ruled(rules.Rules{Prefixes: []string{"+966"}}, nil))

	err = out.Ruled(rules.Rules{Prefixes: []string{"+971"}}, nil)
	var errs *intake.Errors
	require.ErrorAs(t, err, &errs)
	require.Equal(t, "prefix", errs.Fields[0].Rule)
	require.True(t, errs.OnlyTimePassed(), "it may have been accepted before this rule")
	require.NotContains(t, err.Error(), "500000004")

	out, err = intake.OutboundJSON(request(t, object{"to": "1"}), none, now)
	err = out.Ruled(rules.Rules{Prefixes: []string{"+966"}}, err)
	require.Len(t, faults(t, err), 1, "a number that is none is one fault")
	require.ErrorAs(t, err, &errs)
	require.False(t, errs.OnlyTimePassed())
}
