package intake_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/rules"
)

// now is 15:00 in Riyadh, in the Ramadan of 2026: advertising may be made from 12:00 to 01:00 there.
func TestForecast(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	hours := func(from, to string) object { return object{"timezone": "UTC", "from": from, "to": to} }
	otp := object{"type": "otp", "tts": nil, "otp": object{"code": "1234"}}
	with := func(parts ...object) object {
		all := object{}
		for _, p := range parts {
			maps.Copy(all, p)
		}
		return all
	}
	for name, tt := range map[string]struct {
		request object
		wait    time.Duration
		start   time.Duration
		late    bool
	}{
		"an empty queue":                       {object{}, 0, 0, false},
		"within the hour":                      {object{}, 59 * time.Minute, 59 * time.Minute, false},
		"longer than an attempt may wait":      {object{}, time.Hour, time.Hour, true},
		"a code waits for two minutes":         {otp, time.Minute, time.Minute, false},
		"a code that comes too late":           {otp, 2 * time.Minute, 2 * time.Minute, true},
		"a deadline":                           {object{"deadline": "3h"}, 2 * time.Hour, 2 * time.Hour, false},
		"after the deadline":                   {object{"deadline": "3h"}, 3 * time.Hour, 3 * time.Hour, true},
		"an expiry":                            {object{"expiry": at(30 * time.Minute)}, 30 * time.Minute, 30 * time.Minute, true},
		"not before":                           {object{"notBefore": at(5 * time.Hour)}, time.Hour, 5 * time.Hour, false},
		"not before, and a longer queue":       {object{"notBefore": at(time.Hour)}, 90 * time.Minute, 90 * time.Minute, false},
		"not before, and a queue too long":     {object{"notBefore": at(time.Hour)}, 2 * time.Hour, 2 * time.Hour, true},
		"not before, in the past":              {object{"notBefore": at(-time.Hour)}, 0, 0, false},
		"hours that open later":                {object{"callingHours": hours("14:00", "18:00")}, 0, 2 * time.Hour, false},
		"hours that open later, with a code":   {with(otp, object{"callingHours": hours("14:00", "18:00")}), 0, 2 * time.Hour, false},
		"hours that open after the deadline":   {object{"callingHours": hours("14:00", "18:00"), "deadline": "1h"}, 0, 2 * time.Hour, true},
		"hours that close before its turn":     {object{"callingHours": hours("11:00", "13:00"), "deadline": "48h"}, 2 * time.Hour, 23 * time.Hour, false},
		"hours after not before":               {object{"callingHours": hours("11:00", "13:00"), "notBefore": at(2 * time.Hour)}, 0, 23 * time.Hour, false},
		"after its life of 30 days":            {object{"notBefore": at(719 * time.Hour), "callingHours": hours("14:00", "18:00")}, 0, 722 * time.Hour, true},
		"its class may be called now":          {object{"class": "advertising", "consentRef": "crm:1"}, 0, 0, false},
		"its class may be called in the night": {object{"class": "advertising", "consentRef": "crm:1", "notBefore": at(9 * time.Hour)}, 0, 9 * time.Hour, false},
		"its class waits for noon":             {object{"class": "advertising", "consentRef": "crm:1", "notBefore": at(10 * time.Hour)}, 0, 21 * time.Hour, false},
		"noon comes after the deadline":        {object{"class": "advertising", "consentRef": "crm:1", "notBefore": at(10 * time.Hour), "deadline": "12h"}, 0, 21 * time.Hour, true},
		"another class waits for nobody":       {object{"class": "service", "notBefore": at(10 * time.Hour)}, 0, 10 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := intake.OutboundJSON(request(t, tt.request), none, now)
			require.NoError(t, err)
			start, late := o.Forecast(rules.Rules{Country: rules.SaudiArabia}, now, tt.wait)
			require.Equal(t, tt.start.String(), start.Sub(now).String())
			require.Equal(t, tt.late, late)
		})
	}
}
