package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/rules"
)

func TestAConsentSaysSomething(t *testing.T) {
	t.Parallel()
	sa := rules.Rules{Country: rules.SaudiArabia}
	for ref, says := range map[string]bool{"": false, " ": false, ".": false, "- -": false, "crm 12": true, "سجل": true} {
		out, err := intake.OutboundJSON(request(t, object{"class": "advertising", "consentRef": ref}), none, now)
		require.NoError(t, err, ref)
		err = out.Ruled(sa, nil)
		require.Equal(t, says, err == nil, "%q: %v", ref, err)
	}
}

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

	sa := rules.Rules{Country: rules.SaudiArabia, Prefixes: []string{"+971"}, CallerIDs: []string{"+971500000000"}}
	advertising := object{"class": "advertising", "secondaryCallerId": "+966115219001", "callingHours": object{"timezone": "Asia/Riyadh", "from": "02:00", "to": "09:00"}}
	out, err = intake.OutboundJSON(request(t, advertising), none, now)
	require.NoError(t, err)
	named := map[string]string{}
	require.ErrorAs(t, out.Ruled(sa, nil), &errs)
	for _, f := range errs.Fields {
		named[f.Field] = f.Rule
	}
	require.Equal(t, map[string]string{
		"to": "prefix", "callerId": "caller-id", "secondaryCallerId": "caller-id", "consentRef": "consent", "callingHours": "class-hours",
	}, named, "every rule at once")

	out, err = intake.OutboundJSON(request(t, object{"to": "1"}), none, now)
	err = out.Ruled(rules.Rules{Prefixes: []string{"+966"}}, err)
	require.Len(t, faults(t, err), 1, "a number that is none is one fault")
	require.ErrorAs(t, err, &errs)
	require.False(t, errs.OnlyTimePassed())
}
