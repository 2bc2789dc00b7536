package intake_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/intake"
)

// none is no idempotency key, named is one.
var none, named = intake.IdempotencyKey{}, intake.IdempotencyKey{Text: "abc", Reference: "idem-1"}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// request is a valid body with some members replaced; a nil member is left out.
func request(t *testing.T, change map[string]any) []byte {
	t.Helper()
	body := map[string]any{
		"referenceId": "order-1", "to": "+966500000004", "callerId": "+966115219000", "type": "tts",
		"tts": map[string]any{"text": "hello", "language": "english", "voice": "female"},
	}
	for k, v := range change {
		if v == nil {
			delete(body, k)
			continue
		}
		body[k] = v
	}
	b, err := json.Marshal(body)
	require.NoError(t, err)
	return b
}

func faults(t *testing.T, err error) map[string]string {
	t.Helper()
	found := map[string]string{}
	if err == nil {
		return found
	}
	var errs *intake.Errors
	require.ErrorAs(t, err, &errs)
	for _, f := range errs.Fields {
		found[f.Field] = f.Message
	}
	return found
}

type object = map[string]any

func TestWhatAJSONDecoderWouldPassOver(t *testing.T) {
	t.Parallel()
	plain := string(request(t, nil))
	for more, field := range map[string]string{
		`"retry":{"on":{"NO_ANSWER":"5s","NO_ANSWER":"20h"}}`: "retry.on.NO_ANSWER",
		`"retry":{"on":{"BUSY":"5s"},"on":{"BUSY":"6s"}}`:     "retry.on",
		`"campaignId":"\ud800"`:                               "campaignId",
		`"consentRef":"` + "\xff" + `"`:                       "consentRef",
	} {
		_, err := intake.OutboundJSON([]byte(strings.TrimSuffix(strings.TrimSpace(plain), "}")+","+more+"}"), none, now)
		require.Contains(t, faults(t, err), field, more)
	}
}

func TestTrunkZeroIsExplained(t *testing.T) {
	t.Parallel()
	_, err := intake.OutboundJSON(request(t, object{"to": "+9660500000004"}), none, now)
	message := faults(t, err)["to"]
	require.Contains(t, message, "omit the 0 after the country code")
	require.NotContains(t, err.Error(), "500000004")
}

func TestOutboundFields(t *testing.T) {
	t.Parallel()
	second := "+966115219001"
	over := func(failover object) object { return object{"secondaryCallerId": second, "failover": failover} }
	again := func(retry object) object { return object{"retry": retry} }
	hours := func(zone, from, to string) object {
		return object{"callingHours": object{"timezone": zone, "from": from, "to": to}}
	}
	for name, tc := range map[string]struct {
		change object
		fields []string // at fault; none: accepted
	}{
		"a plain request":                   {nil, nil},
		"an ivr object":                     {object{"type": "ivr", "tts": nil, "ivr": object{"say": "hi", "anything": 1}}, nil},
		"several ivr objects":               {object{"type": "ivr", "tts": nil, "ivr": []any{object{"say": "a"}, object{"pause": "2"}}}, nil},
		"an otp":                            {object{"type": "otp", "tts": nil, "otp": object{"code": "0123", "loop": "2"}}, nil},
		"an audio file":                     {object{"type": "audioUrl", "tts": nil, "audioId": "1c9ebf6a"}, nil},
		"hours over midnight":               {hours("Asia/Riyadh", "22:00", "06:00"), nil},
		"failover in full":                  {over(object{"on": []string{"BUSY", "FAILED"}, "maxAttempts": 3, "delay": "0s", "onUnknown": "redial"}), nil},
		"the provider fails over":           {over(object{"by": "provider"}), nil},
		"a deadline as a time":              {object{"deadline": "2026-03-01T12:30:00+00:00"}, nil},
		"a notify":                          {object{"notify": object{"workflowId": "order-1"}}, nil},
		"null is absent":                    {object{"failover": json.RawMessage("null")}, nil},
		"no numbers":                        {object{"to": nil, "callerId": nil}, []string{"to", "callerId"}},
		"a number without plus":             {object{"to": "966500000004"}, []string{"to"}},
		"a number with 00":                  {object{"to": "00966500000004"}, []string{"to"}},
		"a number with spaces":              {object{"callerId": "+966 11 521 9000"}, []string{"callerId"}},
		"a number that is too long":         {object{"to": "+9665000000041234"}, []string{"to"}},
		"a number with its trunk 0":         {object{"to": "+9660500000004"}, []string{"to"}},
		"a caller ID with its trunk 0":      {object{"callerId": "+9710501234567", "secondaryCallerId": "+974055123456"}, []string{"callerId", "secondaryCallerId"}},
		"a number in Arabic digits":         {object{"to": "+٩٦٦٥٠٠٠٠٠٠٠٤"}, []string{"to"}},
		"a number as a URI":                 {object{"to": "tel:+966500000004"}, []string{"to"}},
		"a second number that is none":      {object{"secondaryCallerId": "x"}, []string{"secondaryCallerId"}},
		"both caller IDs equal":             {object{"secondaryCallerId": "+966115219000"}, []string{"secondaryCallerId"}},
		"failover without second number":    {object{"failover": object{}}, []string{"secondaryCallerId"}},
		"no type":                           {object{"type": nil}, []string{"type"}},
		"an unknown type":                   {object{"type": "fax"}, []string{"type"}},
		"no payload":                        {object{"tts": nil}, []string{"tts"}},
		"another payload too":               {object{"otp": object{"code": "1"}}, []string{"otp"}},
		"a payload of another type":         {object{"type": "ivr"}, []string{"ivr", "tts"}},
		"an empty text":                     {object{"tts": object{"text": ""}}, []string{"tts.text"}},
		"a language that is none":           {object{"tts": object{"text": "a", "language": "french", "voice": "robot"}}, []string{"tts.language", "tts.voice"}},
		"an otp without digits":             {object{"type": "otp", "tts": nil, "otp": object{"code": "12a", "loop": "x", "audioUrl": "ftp://a"}}, []string{"otp.code", "otp.loop", "otp.audioUrl"}},
		"an otp code as a number":           {object{"type": "otp", "tts": nil, "otp": object{"code": 1234}}, []string{"otp.code"}},
		"an ivr that is a string":           {object{"type": "ivr", "tts": nil, "ivr": "hello"}, []string{"ivr"}},
		"an ivr of nothing":                 {object{"type": "ivr", "tts": nil, "ivr": []any{}}, []string{"ivr"}},
		"an ivr with an empty object":       {object{"type": "ivr", "tts": nil, "ivr": []any{object{"say": "a"}, object{}}}, []string{"ivr"}},
		"expiry in the past":                {object{"expiry": "2026-03-01T12:00:00Z"}, []string{"expiry"}},
		"expiry that is no time":            {object{"expiry": "tomorrow"}, []string{"expiry"}},
		"deadline in the past":              {object{"deadline": "2026-03-01T11:59:59Z"}, []string{"deadline"}},
		"deadline of nothing":               {object{"deadline": "0s"}, []string{"deadline"}},
		"deadline below nothing":            {object{"deadline": "-1h"}, []string{"deadline"}},
		"deadline for ever":                 {object{"deadline": "10000h"}, []string{"deadline"}},
		"deadline that is none":             {object{"deadline": "soon"}, []string{"deadline"}},
		"hours that never open":             {hours("Asia/Riyadh", "09:00", "09:00"), []string{"callingHours"}},
		"hours that are none":               {hours("Asia/Riyadh", "9", "24:01"), []string{"callingHours.from", "callingHours.to"}},
		"hours that open when the day ends": {hours("Asia/Riyadh", "24:00", "10:00"), []string{"callingHours.from"}},
		"hours without anything":            {object{"callingHours": object{}}, []string{"callingHours.timezone", "callingHours.from", "callingHours.to"}},
		"a zone that is none":               {hours("Mars/Olympus", "09:00", "10:00"), []string{"callingHours.timezone"}},
		"the zone of this machine":          {hours("Local", "09:00", "10:00"), []string{"callingHours.timezone"}},
		"failover on completed":             {over(object{"on": []string{"FAILED", "COMPLETED"}}), []string{"failover.on[1]"}},
		"failover on ringing":               {over(object{"on": []string{"RINGING"}}), []string{"failover.on[0]"}},
		"failover where somebody spoke":     {over(object{"on": []string{"COMPLETED_WITH_FAILURE"}}), []string{"failover.on[0]"}},
		"failover on nothing":               {over(object{"on": []string{}}), []string{"failover.on"}},
		"no attempts":                       {over(object{"maxAttempts": 0}), []string{"failover.maxAttempts"}},
		"fewer than no attempts":            {over(object{"maxAttempts": -1}), []string{"failover.maxAttempts"}},
		"too many attempts":                 {over(object{"maxAttempts": 6}), []string{"failover.maxAttempts"}},
		"half an attempt":                   {over(object{"maxAttempts": 1.5}), []string{"failover.maxAttempts"}},
		"failover by nobody":                {over(object{"by": "me", "onUnknown": "hope"}), []string{"failover.by", "failover.onUnknown"}},
		"the provider on busy":              {over(object{"by": "provider", "on": []string{"BUSY", "FAILED"}}), []string{"failover.on"}},
		"the provider redials":              {over(object{"by": "provider", "onUnknown": "redial"}), []string{"failover.onUnknown"}},
		"a delay below nothing":             {over(object{"delay": "-5s"}), []string{"failover.delay"}},
		"a delay that is none":              {over(object{"delay": "5"}), []string{"failover.delay"}},
		"a delay beyond the deadline":       {over(object{"delay": "1h"}), []string{"failover.delay"}},
		"a retry":                           {again(object{"on": object{"NO_ANSWER": "30m", "BUSY": "5m", "FAILED": "0s", "CANCELLED": "1h"}, "maxAttempts": 10, "callerId": "same"}), nil},
		"a retry from another number":       {object{"secondaryCallerId": "+966115219001", "retry": object{"on": object{"BUSY": "5m"}, "callerId": "alternate"}}, nil},
		"a retry and failover":              {object{"secondaryCallerId": second, "failover": object{}, "retry": object{"on": object{"BUSY": "5m"}}}, []string{"failover"}},
		"a retry without statuses":          {again(object{}), []string{"retry.on"}},
		"a retry after a refusal":           {again(object{"on": object{"REJECTED": "5m"}}), []string{"retry.on.REJECTED"}},
		"a retry after success":             {again(object{"on": object{"COMPLETED": "5m", "RINGING": "1s"}}), []string{"retry.on.COMPLETED", "retry.on.RINGING"}},
		"retry delays that are none":        {again(object{"on": object{"BUSY": "5", "FAILED": "-1s", "NO_ANSWER": "25h", "CANCELLED": 5}}), []string{"retry.on.BUSY", "retry.on.FAILED", "retry.on.NO_ANSWER", "retry.on.CANCELLED"}},
		"a retry list":                      {again(object{"on": []string{"BUSY"}}), []string{"retry.on"}},
		"a retry that is none":              {again(object{"on": object{"BUSY": "5m"}, "maxAttempts": 1}), []string{"retry.maxAttempts"}},
		"a retry of nothing":                {again(object{"on": object{"BUSY": "5m"}, "maxAttempts": 0}), []string{"retry.maxAttempts"}},
		"too many retries":                  {again(object{"on": object{"BUSY": "5m"}, "maxAttempts": 11}), []string{"retry.maxAttempts"}},
		"a retry from nowhere":              {again(object{"on": object{"BUSY": "5m"}, "callerId": "alternate"}), []string{"secondaryCallerId"}},
		"a retry from anywhere":             {again(object{"on": object{"BUSY": "5m"}, "callerId": "any"}), []string{"retry.callerId"}},
		"a retry after the deadline":        {object{"deadline": "1h", "retry": object{"on": object{"BUSY": "1h"}}}, []string{"retry.on.BUSY"}},
		"not before a time":                 {object{"notBefore": "2026-03-02T12:00:00Z"}, nil},
		"not before a time that is over":    {object{"notBefore": "2026-02-02T12:00:00Z"}, nil},
		"not before the deadline":           {object{"notBefore": "2026-03-01T13:00:00Z", "deadline": "1h"}, []string{"notBefore"}},
		"not before next year":              {object{"notBefore": "2027-03-01T13:00:00Z"}, []string{"notBefore"}},
		"not before a word":                 {object{"notBefore": "noon"}, []string{"notBefore"}},
		"a class":                           {object{"class": "advertising", "consentRef": "crm:4711"}, nil},
		"a class that is none":              {object{"class": "spam"}, []string{"class"}},
		"consent with the number":           {object{"consentRef": "by +966500000004"}, []string{"consentRef"}},
		"consent without end":               {object{"consentRef": strings.Repeat("a", 201)}, []string{"consentRef"}},
		"telling one of ours":               {object{"notify": object{"workflowId": "call:abc"}}, []string{"notify.workflowId"}},
		"telling nobody":                    {object{"notify": object{}}, []string{"notify.workflowId"}},
		"unknown fields at every level":     {object{"tO": "x", "zz": 1, "tts": object{"text": "a", "speed": 2}}, []string{"tO", "zz", "tts.speed"}},
		"wrong types":                       {object{"to": 966500000004, "callRecording": "yes", "failover": []any{}, "tts": "hello"}, []string{"to", "callRecording", "failover", "tts", "secondaryCallerId"}},
		"a reference with a space":          {object{"referenceId": "order 1"}, []string{"referenceId"}},
		"a reference that is too long":      {object{"referenceId": strings.Repeat("a", 65)}, []string{"referenceId"}},
		"a reference of a workflow":         {object{"referenceId": "wf:order-1"}, []string{"referenceId"}},
		"a reference of an attempt":         {object{"referenceId": "order-a1"}, []string{"referenceId"}},
		"a reference with the number":       {object{"referenceId": "call-966500000004"}, []string{"referenceId"}},
		"a reference with its national":     {object{"referenceId": "call-050.000.0004"}, []string{"referenceId"}},
		"a reference with its last eight":   {object{"referenceId": "call-00000004"}, []string{"referenceId"}},
		"a reference with a Qatari number":  {object{"to": "+97455123456", "referenceId": "cust-55123456"}, []string{"referenceId"}},
		"a reference with a Kuwaiti one":    {object{"secondaryCallerId": "+96550001234", "referenceId": "cust-5000_1234"}, []string{"referenceId"}},
		"a reference with other digits":     {object{"to": "+97455123456", "referenceId": "cust-55123457"}, nil},
		"a reference with nine digits":      {object{"referenceId": "x500000004"}, []string{"referenceId"}},
		"a reference with split digits":     {object{"referenceId": "50-000.00:04"}, []string{"referenceId"}},
		"a reference with the caller":       {object{"referenceId": "115219000"}, []string{"referenceId"}},
		"a reference that ends in letters":  {object{"referenceId": "order-a1b"}, nil},
		"no reference":                      {object{"referenceId": nil}, []string{"referenceId"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := intake.OutboundJSON(request(t, tc.change), none, now)
			found := faults(t, err)
			fields := make([]string, 0, len(found))
			for f, message := range found {
				fields = append(fields, f)
				require.NotEmpty(t, message)
			}
			require.ElementsMatch(t, tc.fields, fields, "%v", found)
			if err != nil {
				require.NotContains(t, err.Error(), "500000004")
			}
		})
	}
}

func TestOutboundBodies(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing but text": "hello", "a list": "[]", "null": "null", "a string": `"a"`, "two objects": "{} {}", "cut short": `{"to":`,
		"too deep": `{"ivr":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
	} {
		_, err := intake.OutboundJSON([]byte(body), none, now)
		require.Len(t, faults(t, err), 1, name)
		require.Contains(t, faults(t, err), "", name)
	}
	_, err := intake.OutboundJSON([]byte(`{"to":"+966500000004","to":"+966500000005","+966500000006":1}`), intake.IdempotencyKey{Text: "k", Reference: "r"}, now)
	require.Contains(t, faults(t, err)["to"], "once")
	require.NotContains(t, err.Error(), "500000006", "a field's name is kept free of numbers too")
}

func TestOutboundDefaults(t *testing.T) {
	t.Parallel()
	out, err := intake.OutboundJSON(request(t, object{"secondaryCallerId": "+966115219001"}), none, now)
	require.NoError(t, err)
	require.Equal(t, &calls.Failover{
		On: []calls.Status{calls.StatusFailed}, By: "aftercall", MaxAttempts: 2, Delay: "5s", OnUnknown: "assume-placed",
	}, out.Request.Failover)
	require.Equal(t, now.Add(time.Hour), out.Deadline)
	require.Empty(t, out.Request.Deadline, "each attempt has its own")

	out, err = intake.OutboundJSON(request(t, nil), none, now)
	require.NoError(t, err)
	require.Nil(t, out.Request.Failover, "one attempt without a secondary caller ID")

	out, err = intake.OutboundJSON(request(t, object{"type": "otp", "tts": nil, "otp": object{"code": "1"}}), none, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(2*time.Minute), out.Deadline)

	out, err = intake.OutboundJSON(request(t, object{"secondaryCallerId": "+966115219001", "failover": object{"by": "provider", "maxAttempts": 3}}), none, now)
	require.NoError(t, err)
	require.Equal(t, 1, out.Request.Failover.MaxAttempts, "we never dial again ourselves")
}

func TestRetryDefaults(t *testing.T) {
	t.Parallel()
	out, err := intake.OutboundJSON(request(t, object{"retry": object{"on": object{"NO_ANSWER": "1800s"}}}), none, now)
	require.NoError(t, err)
	require.Equal(t, &calls.Retry{MaxAttempts: 2, On: map[calls.Status]string{calls.StatusNoAnswer: "30m0s"}, CallerID: "same"}, out.Request.Retry)
	require.Nil(t, out.Request.Failover)

	out, err = intake.OutboundJSON(request(t, object{"secondaryCallerId": "+966115219001", "retry": object{"on": object{"NO_ANSWER": "30m"}}}), none, now)
	require.NoError(t, err)
	require.Equal(t, "alternate", out.Request.Retry.CallerID)
	require.Nil(t, out.Request.Failover, "retry says it all")

	out, err = intake.OutboundJSON(request(t, object{"notBefore": "2026-03-02T15:00:00+03:00"}), none, now)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), *out.Request.NotBefore)
	require.Equal(t, time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC), out.Deadline, "its time begins when it is due")
}

// TestRetryIsRecognisedLater: what was accepted is recognised when it is asked for again close to its deadline.
func TestRetryIsRecognisedLater(t *testing.T) {
	t.Parallel()
	body := request(t, object{"deadline": "2026-03-01T13:00:00Z", "retry": object{"on": object{"BUSY": "30m", "FAILED": "0s"}}})
	first, err := intake.OutboundJSON(body, none, now)
	require.NoError(t, err)
	again, err := intake.OutboundJSON(body, none, now.Add(45*time.Minute))
	var errs *intake.Errors
	require.ErrorAs(t, err, &errs)
	require.True(t, errs.OnlyTimePassed())
	require.Equal(t, first.Hash, again.Hash)
}

func TestHashIsOfWhatWasAsked(t *testing.T) {
	t.Parallel()
	first, err := intake.OutboundJSON(request(t, object{"type": "ivr", "tts": nil, "ivr": object{"say": "a", "loop": 2}}), none, now)
	require.NoError(t, err)
	spelt := `{"type":"ivr", "ivr":{ "loop":2,"say":"a" }, "deadline":"60m", "callerId":"+966115219000","to":"+966500000004","referenceId":"order-1"}`
	later, err := intake.OutboundJSON([]byte(spelt), none, now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, first.Hash, later.Hash, "the same request, spelt otherwise and later")
	require.NotEqual(t, first.Deadline, later.Deadline)

	other, err := intake.OutboundJSON(request(t, object{"type": "ivr", "tts": nil, "ivr": object{"say": "b", "loop": 2}}), none, now)
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, other.Hash)
}

func TestRepetitionAfterItsDeadlineIsRecognised(t *testing.T) {
	t.Parallel()
	body := request(t, object{"deadline": "2026-03-01T12:30:00Z", "expiry": "2026-03-01T12:40:00Z"})
	first, err := intake.OutboundJSON(body, none, now)
	require.NoError(t, err)
	again, err := intake.OutboundJSON(body, none, now.Add(time.Hour))
	var errs *intake.Errors
	require.ErrorAs(t, err, &errs)
	require.True(t, errs.OnlyTimePassed())
	require.Equal(t, first.Hash, again.Hash)

	_, err = intake.OutboundJSON(request(t, object{"deadline": "2026-03-01T11:00:00Z", "to": "1"}), none, now)
	require.ErrorAs(t, err, &errs)
	require.False(t, errs.OnlyTimePassed())
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	out, err := intake.OutboundJSON(request(t, object{"referenceId": nil}), named, now)
	require.NoError(t, err)
	require.Equal(t, "idem-1", out.Request.ReferenceID)

	out, err = intake.OutboundJSON(request(t, nil), named, now)
	require.NoError(t, err)
	require.Equal(t, "order-1", out.Request.ReferenceID, "the request's own id wins")

	for _, own := range []any{nil, "order-1"} {
		_, err = intake.OutboundJSON(request(t, object{"referenceId": own}), intake.IdempotencyKey{Text: strings.Repeat("k", 256), Reference: "idem-2"}, now)
		require.Contains(t, faults(t, err), intake.HeaderIdempotencyKey)
	}
}

func TestOutboundCallFromGo(t *testing.T) {
	t.Parallel()
	out, err := intake.OutboundCall(calls.OutboundCallRequest{
		ReferenceID: "order-1", To: "+966500000004", CallerID: "+966115219000", Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
	}, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Hour), out.Deadline)
	_, err = intake.OutboundCall(calls.OutboundCallRequest{IVR: json.RawMessage("{")}, now)
	require.Error(t, err)
}

func TestMasking(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		fields []string
	}{
		"two ways":         {`{"referenceId":"m1","from":"+966500000001","to":"+966500000002","notify":{"workflowId":"w"}}`, nil},
		"one way":          {`{"referenceId":"m1","to":"+966500000002"}`, nil},
		"nothing":          {`{}`, []string{"referenceId", "to"}},
		"with itself":      {`{"referenceId":"m1","from":"+966500000002","to":"+966500000002"}`, []string{"from"}},
		"no numbers":       {`{"referenceId":"m1","from":"a","to":"b"}`, []string{"from", "to"}},
		"unknown field":    {`{"referenceId":"m1","to":"+966500000002","ttl":1}`, []string{"ttl"}},
		"number in the id": {`{"referenceId":"m500000002","to":"+966500000002"}`, []string{"referenceId"}},
		"telling ours":     {`{"referenceId":"m1","to":"+966500000002","notify":{"workflowId":"mask:1"}}`, []string{"notify.workflowId"}},
	} {
		_, err := intake.MaskingJSON([]byte(tc.body), none)
		found := faults(t, err)
		require.Len(t, found, len(tc.fields), "%s: %v", name, found)
		for _, f := range tc.fields {
			require.Contains(t, found, f, name)
		}
	}
	m, err := intake.MaskingJSON([]byte(`{"to":"+966500000002"}`), named)
	require.NoError(t, err)
	require.Equal(t, "idem-1", m.Request.ReferenceID)
}

func TestTracking(t *testing.T) {
	t.Parallel()
	got, _, err := intake.TrackingJSON([]byte(`{"to":"+966500000002","referenceId":"order 7","notify":{"workflowId":"w"}}`), nil)
	require.NoError(t, err)
	require.Equal(t, calls.Tracking{To: "+966500000002", ReferenceID: "order 7", Subscription: &calls.Subscription{WorkflowID: "w"}}, got)
	got, _, err = intake.TrackingJSON(nil, nil)
	require.NoError(t, err)
	require.Equal(t, calls.Tracking{}, got)
	_, _, err = intake.TrackingJSON([]byte(`{"to":"5","referenceId":"a\u0000","notify":{"workflowId":"recording:x"},"more":1}`), nil)
	require.Len(t, faults(t, err), 4)
}
