package unifonic_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "notifications", name))
	require.NoError(t, err)
	return b
}

func parse(t testing.TB, body string) unifonic.Notification {
	t.Helper()
	n, err := unifonic.Parser{}.Notification([]byte(body))
	require.NoError(t, err)
	return n
}

func at(t testing.TB, s string) *time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return &v
}

// without drops the event key, which has its own tests.
func without(n unifonic.Notification) unifonic.Notification { return n.Fields() }

func TestNotificationReadsTheSampleOfAnOutboundCall(t *testing.T) {
	t.Parallel()
	require.Equal(t, unifonic.Notification{
		ApplicationID:     "7a1f0c52-3f1e-4b0c-9a57-0f6f2f6a1d01",
		CallSID:           "c0a80101-0000-4000-8000-000000000001",
		From:              "+966110000001",
		To:                "+966500000001",
		FromRaw:           "+966110000001",
		ToRaw:             "+966500000001",
		DurationSeconds:   new(17),
		Direction:         "OUTBOUND",
		RawStatus:         "COMPLETED",
		Status:            unifonic.StatusCompleted,
		InitiatedAt:       at(t, "2021-11-29T13:27:51Z"),
		CompletedAt:       at(t, "2021-11-29T13:28:10.512345Z"),
		RequestReceivedAt: at(t, "2021-11-29T13:27:50Z"),
		UseCase:           "IVR",
		AccountID:         "acc-1001",
		ReferenceID:       "order-1001-a1",
		ExternalCallsID:   "ext-0001",
		UniqueCallID:      "uniq-0001",
		SecondaryCallerID: "+966110000002",
		CallID:            "1c9ebf6a-dd62-4c49-b0b3-c1b1494e01f1",
	}, without(parse(t, string(fixture(t, "ivr.json")))))
}

func TestNotificationReadsTheSamplesOfAMaskedCall(t *testing.T) {
	t.Parallel()
	in := parse(t, string(fixture(t, "masking-inbound.json")))
	require.Equal(t, "INBOUND", in.Direction)
	require.Equal(t, "mask-77", in.MaskID)
	require.Equal(t, "NUMBER_MASKING", in.UseCase)
	require.Equal(t, at(t, "2022-12-20T10:43:03Z"), in.InitiatedAt)
	require.Equal(t, at(t, "2022-12-20T10:43:01Z"), in.RequestReceivedAt)
	require.Equal(t, at(t, "2022-12-20T10:43:20Z"), in.CompletedAt)
	require.Empty(t, in.RecordingURL)

	out := parse(t, string(fixture(t, "masking-outbound.json")))
	require.Equal(t, "OUTBOUND", out.Direction)
	require.Equal(t, in.To, out.From, "the masking number links the legs")
	require.Equal(t, "https://recordings.example.com/r/77?sig=abc%2B1", out.RecordingURL, "the query is kept as it is")
	require.NotEqual(t, in.EventKey(), out.EventKey())
}

func TestNotificationReadsTheOlderEditions(t *testing.T) {
	t.Parallel()
	for name, recording := range map[string]string{
		"older.json": "https://recordings.example.com/call", "oldest.json": "",
	} {
		n := parse(t, string(fixture(t, name)))
		require.Equal(t, at(t, "2021-11-29T13:27:51Z"), n.InitiatedAt, "timestamp")
		require.Equal(t, at(t, "2021-11-29T13:27:53.287809Z"), n.RequestReceivedAt, "receivedAt, to the microsecond")
		require.Nil(t, n.CompletedAt, "the final time is not said")
		require.Empty(t, n.CallID)
		require.Equal(t, n.CallSID, n.Key(), "without a callId the callSid is the key")
		require.Equal(t, unifonic.StatusCompleted, n.Status)
		require.Equal(t, new(6), n.DurationSeconds)
		require.Equal(t, "29389283923", n.ReferenceID)
		require.Equal(t, recording, n.RecordingURL)
	}
}

func TestNotificationTakesTimesInEveryForm(t *testing.T) {
	t.Parallel()
	riyadh := time.FixedZone("Asia/Riyadh", 3*60*60)
	for _, tc := range []struct{ value, want string }{
		{`null`, ""}, {`""`, ""}, {`"  "`, ""}, {`"xxxx"`, ""}, {`true`, ""}, {`{}`, ""}, {`[1638192471]`, ""},
		{`0`, ""}, {`"0"`, ""}, {`-1638192471`, ""}, {`1e400`, ""}, {`99999999999999999999999999`, ""}, {`1e99`, ""},
		{`"0001-01-01T00:00:00Z"`, ""}, {`"2021-13-45 99:99:99"`, ""}, {`"NaN"`, ""}, {`"Infinity"`, ""},
		{`1638192471`, "2021-11-29T13:27:51Z"},
		{`"1638192471"`, "2021-11-29T13:27:51Z"},
		{`" 1638192471 "`, "2021-11-29T13:27:51Z"},
		{`1638192473.287809`, "2021-11-29T13:27:53.287809Z"},
		{`"1638192473.287809"`, "2021-11-29T13:27:53.287809Z"},
		{`1638192473.2878091234567`, "2021-11-29T13:27:53.287809123Z"},
		{`1.638192473287809E9`, "2021-11-29T13:27:53.287809Z"},
		{`1.638192473287809e+9`, "2021-11-29T13:27:53.287809Z"},
		{`16381924730e-1`, "2021-11-29T13:27:53Z"},
		{`1638192473287`, "2021-11-29T13:27:53.287Z"},
		{`"1638192473287"`, "2021-11-29T13:27:53.287Z"},
		{`1638192473287.809`, "2021-11-29T13:27:53.287809Z"},
		{`1638192473287809`, "2021-11-29T13:27:53.287809Z"},
		{`1638192473287809123`, "2021-11-29T13:27:53.287809123Z"},
		{`99999999999`, ""}, {`100000000001`, ""}, {`1`, ""}, {`"1970-01-01T00:00:00Z"`, ""}, // the years 5138, 1973 and 1970
		{`"2026-11-26T09:27Z"`, "2026-11-26T09:27:00Z"},
		{`"2026-11-26T09:27+03:00"`, "2026-11-26T06:27:00Z"},
		{`"2026-11-26T09:27"`, "2026-11-26T06:27:00Z"},
		{`"2026-11-26 09:27"`, "2026-11-26T06:27:00Z"},
		{`"2026-11-26T09:27:51+03"`, "2026-11-26T06:27:51Z"},
		{`"2026-11-26T09:27:51.287809+03:00[Asia/Riyadh]"`, "2026-11-26T06:27:51.287809Z"},
		{`"2026-11-26T09:27+03:00[Asia/Riyadh]"`, "2026-11-26T06:27:00Z"},
		{`"2026-11-26T09:27:51Z[UTC]"`, "2026-11-26T09:27:51Z"},
		{`"2026-11-26T09:27:51-05:00[America/New_York]"`, "2026-11-26T14:27:51Z"},
		{`"2026-11-26T09:27:51[America/New_York]"`, "2026-11-26T14:27:51Z"},
		{`"2026-11-26T09:27:51[Mars/Olympus]"`, "2026-11-26T06:27:51Z"},
		{`"2026-11-26T09:27:51,287+0300"`, "2026-11-26T06:27:51.287Z"},
		{`"2026-11-26t09:27:51.287809123456z"`, "2026-11-26T09:27:51.287809123Z"},
		{`"2026/11/26 09:27:51"`, "2026-11-26T06:27:51Z"},
		{`"2026-11-26 09:27:51 UTC"`, "2026-11-26T09:27:51Z"},
		{`"2026-11-26 09:27:51 +0000 UTC"`, "2026-11-26T09:27:51Z"},
		{`"2026-11-26 09:27:51 GMT+03:00"`, "2026-11-26T06:27:51Z"},
		{`[2026,11,26,9,27]`, "2026-11-26T06:27:00Z"},
		{`[2026,11,26,9,27,51]`, "2026-11-26T06:27:51Z"},
		{`[2026, 11, 26, 9, 27, 51, 287809000]`, "2026-11-26T06:27:51.287809Z"},
		{`[2026,11,26]`, ""}, {`[2026,13,26,9,27]`, ""}, {`[2026,2,30,9,27]`, ""}, {`[2026,11,26,9.5,27]`, ""}, {`["2026",11,26,9,27]`, ""},
		{`[2026,11,26,9,27,51,1000000000]`, ""}, {`[1,2,3,4,5,6,7,8]`, ""}, {`[]`, ""},
		{`{"epochSecond":1638192473,"nano":287809000}`, "2021-11-29T13:27:53.287809Z"},
		{`{"seconds":"1638192473","nanos":5}`, "2021-11-29T13:27:53.000000005Z"}, {`{"seconds":null}`, ""},
		{`"20261126092751"`, "2026-11-26T06:27:51Z"}, {`20261126092751`, "2026-11-26T06:27:51Z"}, {`"20261126092751287"`, "2026-11-26T06:27:51.287Z"},
		{`"202611260927"`, "2026-11-26T06:27:00Z"}, {`"20261126T092751Z"`, "2026-11-26T09:27:51Z"}, {`"20261126092751+0300"`, "2026-11-26T06:27:51Z"},
		{`"20261326092751"`, ""}, {`"20261126"`, ""}, {`2000000000000000`, "2033-05-18T03:33:20Z"},
		{`"Thu Nov 26 09:27:51 UTC 2026"`, "2026-11-26T09:27:51Z"},
		{`"Thu Nov 26 09:27:51 GMT+03:00 2026"`, "2026-11-26T06:27:51Z"},
		{`"Thu Nov 26 09:27:51 AST 2026"`, ""},
		{`"Thu Nov 26 2026 09:27:51 GMT+0300 (Arabian Standard Time)"`, "2026-11-26T06:27:51Z"},
		{`"Thu, 5 Nov 2026 09:27:51 +0300"`, "2026-11-05T06:27:51Z"}, {`"5 Nov 2026 09:27:51 UTC"`, "2026-11-05T09:27:51Z"},
		{`"/Date(1638192473287+0300)/"`, "2021-11-29T13:27:53.287Z"},
		{`"26/11/2026 09:27:51"`, ""}, {`"2026-11-26"`, ""}, {`"2026-11-26T25:27:51Z"`, ""}, {`"2026-11-26T09:27:61Z"`, ""},
		{`"2020-09-21T09:13:16.000Z"`, "2020-09-21T09:13:16Z"},
		{`"2020-09-21T09:13:16Z"`, "2020-09-21T09:13:16Z"},
		{`"2020-09-21T09:13:16.123456+03:00"`, "2020-09-21T06:13:16.123456Z"},
		{`"2020-09-21T09:13:16+0300"`, "2020-09-21T06:13:16Z"},
		{`"2020-09-21 09:13:16+03:00"`, "2020-09-21T06:13:16Z"},
		{`"2020-09-21 09:13:16 +0300"`, "2020-09-21T06:13:16Z"},
		{`"2020-09-21 09:13:16"`, "2020-09-21T06:13:16Z"},
		{`"2020-09-21 09:13:16.250"`, "2020-09-21T06:13:16.25Z"},
		{`"2020-09-21T09:13:16"`, "2020-09-21T06:13:16Z"},
		{`"2020-09-21T09:13:16.5"`, "2020-09-21T06:13:16.5Z"},
		{`"Wed, 09 Mar 2022 09:08:42 +0000"`, "2022-03-09T09:08:42Z"},
		{`"Wed, 09 Mar 2022 09:08:42 GMT"`, "2022-03-09T09:08:42Z"},
	} {
		t.Run(tc.value, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"initiatedAt", "completedAt", "requestReceivedAt", "timestamp", "timeStamp", "receivedAt"} {
				n, err := unifonic.Parser{Location: riyadh}.Notification(fmt.Appendf(nil, `{"callId":"c","%s":%s}`, name, tc.value))
				require.NoError(t, err, "never rejected for a bad time")
				got := n.InitiatedAt
				switch name {
				case "completedAt":
					got = n.CompletedAt
				case "requestReceivedAt", "receivedAt":
					got = n.RequestReceivedAt
				}
				if tc.want == "" {
					require.Nil(t, got, name)
					continue
				}
				require.NotNil(t, got, name)
				require.Equal(t, *at(t, tc.want), *got, name)
			}
		})
	}
	n := parse(t, `{"callId":"c","completedAt":"2020-09-21 09:13:16"}`)
	require.Equal(t, at(t, "2020-09-21T09:13:16Z"), n.CompletedAt, "without a configured zone it is UTC")
	n = parse(t, `{"callId":"c","initiatedAt":"xxxx","timestamp":1638192471}`)
	require.Equal(t, at(t, "2021-11-29T13:27:51Z"), n.InitiatedAt, "an unreadable time falls back to its older name")
}

func TestNotificationTakesDurationsInEveryForm(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]*int{
		`17`: new(17), `0`: new(0), `"17"`: new(17), `" 17 "`: new(17), `"0"`: new(0), `17.0`: new(17), `17.9`: new(17),
		`"17.5"`: new(17), `1.7e1`: new(17),
		`null`: nil, `""`: nil, `-1`: nil, `"-1"`: nil, `"abc"`: nil, `true`: nil, `[17]`: nil, `{"s":17}`: nil,
		`"00:00:17"`: new(17), `"01:02:03"`: new(3723), `"00:17"`: new(17), `"2:05"`: new(125), `"00:00:17.900"`: new(17), `"100:00:00"`: new(360000),
		`"17s"`: new(17), `"17 s"`: new(17), `"17 sec"`: new(17), `"17 Seconds"`: new(17), `"17.9s"`: new(17), `"2m5s"`: new(125),
		`"1h 2m 3s"`: new(3723), `"2 minutes 5 seconds"`: new(125), `"5m"`: new(300), `"1 hour"`: new(3600), `"17000ms"`: new(17), `"17900 ms"`: new(17),
		`"PT17S"`: new(17), `"PT2M5.5S"`: new(125), `"PT1H"`: new(3600), `"pt17s"`: new(17), `"P0DT0H0M17S"`: new(17), `{"seconds":17,"nanos":5}`: new(17),
		`"PT"`: nil, `"PT-5S"`: nil, `"s"`: nil, `"1:2:3:4"`: nil, `":17"`: nil, `"17x"`: nil, `"99999:00:00"`: new(359996400), `"999999:00:00"`: nil, `"null"`: nil,
		`1e400`: nil, `99999999999`: nil, `"Inf"`: nil, `"0x11"`: nil,
	} {
		n := parse(t, `{"callId":"c","duration":`+value+`}`)
		require.Equal(t, want, n.DurationSeconds, value)
	}
	require.Nil(t, parse(t, `{"callId":"c"}`).DurationSeconds)
}

func TestNotificationTakesTextInEveryForm(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"abc"`: "abc", `" abc "`: "abc", `""`: "", `null`: "", `12345678901234567890`: "12345678901234567890", `1.50`: "1.50",
		`true`: "true", `{"b": 1, "a": [null, "x"]}`: `{"a":[null,"x"],"b":1}`, `[1, "two"]`: `[1,"two"]`,
		`"a\u0000b"`: "ab", `"line\nbreak"`: "line break", `"\u0645\u0631"`: "مر",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			for name, get := range map[string]func(unifonic.Notification) string{
				"applicationId": func(n unifonic.Notification) string { return n.ApplicationID },
				"callSid":       func(n unifonic.Notification) string { return n.CallSID },
				"parentCallSid": func(n unifonic.Notification) string { return n.ParentCallSID },
				"from":          func(n unifonic.Notification) string { return n.FromRaw },
				"to":            func(n unifonic.Notification) string { return n.ToRaw },
				"status":        func(n unifonic.Notification) string { return n.RawStatus },
				"useCase":       func(n unifonic.Notification) string { return n.UseCase },
				"accountId":     func(n unifonic.Notification) string { return n.AccountID },
				"referenceId":   func(n unifonic.Notification) string { return n.ReferenceID },
				"recordingUrl":  func(n unifonic.Notification) string { return n.RecordingURL },
				"failureReason": func(n unifonic.Notification) string { return n.FailureReason },
				"maskId":        func(n unifonic.Notification) string { return n.MaskID },
				"campaignId":    func(n unifonic.Notification) string { return n.CampaignID },
			} {
				require.Equal(t, want, get(parse(t, `{"callId":"c","`+name+`":`+value+`}`)), name)
			}
		})
	}
}

func TestNotificationReadsNumbersAndKeepsTheOriginal(t *testing.T) {
	t.Parallel()
	n := parse(t, `{"callId":"c","from":"00966110000001","to":966500000001,"secondaryCallerId":"966 11 000 0002","direction":"outbound"}`)
	require.Equal(t, "+966110000001", n.From)
	require.Equal(t, "00966110000001", n.FromRaw)
	require.Equal(t, "+966500000001", n.To)
	require.Equal(t, "966500000001", n.ToRaw)
	require.Equal(t, "+966110000002", n.SecondaryCallerID)
	require.Equal(t, "OUTBOUND", n.Direction)

	n = parse(t, `{"callId":"c","from":"anonymous","to":"0500000001"}`)
	require.Equal(t, "anonymous", n.From)
	require.Equal(t, "0500000001", n.To, "no country is guessed")
}

func TestNotificationMatchesMemberNamesExactly(t *testing.T) {
	t.Parallel()
	n := parse(t, `{"callId":"c","STATUS":"COMPLETED","Status":"BUSY","\u017ftatus":"FAILED","CallSid":"x","callid":"y"}`)
	require.Empty(t, n.RawStatus)
	require.Equal(t, unifonic.StatusUnknown, n.Status)
	require.Empty(t, n.CallSID)

	n = parse(t, `{"callId":"first","callId":"second","status":"BUSY","status":"COMPLETED"}`)
	require.Equal(t, "first", n.CallID)
	require.Equal(t, unifonic.StatusBusy, n.Status)

	n = parse(t, `{"callId":null,"callId":"second","callSid":"sid"}`)
	require.Empty(t, n.CallID, "the first counts even when it is null")
	require.Equal(t, "sid", n.Key())
}

func TestNotificationKeyIsTheFirstIdentifierThere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ body, want string }{
		{`{"callId":"a","callSid":"b","uniqueCallId":"c","externalCallsId":"d"}`, "a"},
		{`{"callId":"","callSid":"b","uniqueCallId":"c","externalCallsId":"d"}`, "b"},
		{`{"callId":null,"callSid":" ","uniqueCallId":"c","externalCallsId":"d"}`, "c"},
		{`{"externalCallsId":"d"}`, "d"},
		{`{"callId":42}`, "42"},
		{`{"callId":"with spaces and / slashes"}`, "with spaces and / slashes"},
	} {
		require.Equal(t, tc.want, parse(t, tc.body).Key(), tc.body)
	}
}

func TestNotificationWithoutAKeyIsReturnedAndRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `{"status":"COMPLETED","to":"+966500000001"}`, `{"callId":null,"callSid":"","uniqueCallId":" ","externalCallsId":null}`,
		`{"CallId":"x"}`, `{"referenceId":"r"}`,
	} {
		n, err := unifonic.Parser{}.Notification([]byte(body))
		require.ErrorIs(t, err, unifonic.ErrNoKey, body)
		require.NotErrorIs(t, err, unifonic.ErrNotObject)
		require.Regexp(t, `^v1-[0-9a-f]{64}$`, n.EventKey())
	}
}

func TestNotificationThatIsNotOneObjectIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + `{"callId":"c"}` + strings.Repeat("}", n-1) }
	for _, tc := range []struct{ name, body, reason string }{
		{"null", `null`, "null"}, {"array", `[{"callId":"c"}]`, "an array"}, {"string", `"callId"`, "a string"},
		{"number", `1`, "a number"}, {"boolean", `true`, "a boolean"},
		{"empty", ``, "unexpected end"}, {"white space", " \n", "unexpected end"},
		{"form", `callId=c`, "invalid character"}, {"cut", `{"callId":"c"`, "unexpected end"},
		{"trailing bytes", `{"callId":"c"} x`, "after top-level value"}, {"two objects", `{"callId":"c"}{"callId":"d"}`, "after top-level value"},
		{"trailing NUL", "{\"callId\":\"c\"}\x00", "after top-level value"},
		{"curly quotes of the documentation", `{“callId”: “c”}`, "invalid character"},
		{"comment", `{"callId":"c" // id` + "\n}", "invalid character"},
		{"bare word", `{"callId": xxxx}`, "invalid character"}, {"NaN", `{"callId":"c","duration":NaN}`, "invalid character"},
		{"trailing comma", `{"callId":"c",}`, "invalid character"}, {"single quotes", `{'callId':'c'}`, "invalid character"},
		{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf{}", "invalid character"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "invalid character"},
		{"depth 33", nested(33), "deeper than 32"},
		{"depth 33 of arrays", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "deeper than 32"},
		{"depth 20000", strings.Repeat(`{"a":`, 20000), "depth"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := unifonic.Parser{}.Notification([]byte(tc.body))
			require.ErrorIs(t, err, unifonic.ErrNotObject)
			require.ErrorContains(t, err, tc.reason)
			require.Less(t, len(err.Error()), 200)
		})
	}
	_, err := unifonic.Parser{}.Notification([]byte(nested(32)))
	require.ErrorIs(t, err, unifonic.ErrNoKey, "32 levels are read")
}

func TestNotificationSurvivesBadEncodings(t *testing.T) {
	t.Parallel()
	require.Equal(t, "c", parse(t, "\xef\xbb\xbf{\"callId\":\"c\"}").CallID, "byte order mark")
	require.Equal(t, "café", parse(t, "{\"callId\":\"c\",\"failureReason\":\"caf\xe9\"}").FailureReason, "Latin-1")
	a, b := parse(t, "{\"callId\":\"x\xe9\"}"), parse(t, "{\"callId\":\"x\xe8\"}")
	require.NotEqual(t, a.Key(), b.Key(), "two ids stay two")
	require.NotEqual(t, a.EventKey(), b.EventKey())
	for in, want := range map[string]string{
		`\ud83d\ude00`: "😀", `\ud83d`: `\ud83d`, `\ude00`: `\ude00`, `\ud83d\ud83d\ude00x`: `\ud83d😀x`, `\ud83dA`: `\ud83dA`,
		`\\ud83d`: `\ud83d`, `\u0041\uD83D`: `A\uD83D`, `\ud83d\n\ude00`: `\ud83d \ude00`, "\uFFFD": "\uFFFD",
	} {
		require.Equal(t, want, parse(t, `{"callId":"`+in+`"}`).CallID, "half a surrogate pair stays as written: %s", in)
	}
}

func pack(t testing.TB, plain string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(plain))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestNotificationPackedWithGzipIsTheSame(t *testing.T) {
	t.Parallel()
	plain := string(fixture(t, "ivr.json"))
	require.Equal(t, parse(t, plain), parse(t, string(pack(t, plain))), "also its event key")
	require.Equal(t, "c", parse(t, string(pack(t, "\xef\xbb\xbf{\"callId\":\"c\"}"))).CallID, "with a byte order mark inside")
	whole := pack(t, `{"callId":"c","x":"`+strings.Repeat("a", 64<<10-len(`{"callId":"c","x":""}`))+`"}`)
	require.Equal(t, "c", parse(t, string(whole)).CallID, "64 KiB are read")
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 1
	for reason, body := range map[string][]byte{
		"more than 65536": pack(t, `{"callId":"c","x":"`+strings.Repeat("a", 64<<10-len(`{"callId":"c","x":""}`)+1)+`"}`),
		"cut off":         whole[:len(whole)-20], "checksum": damaged, "invalid header": append(bytes.Clone(whole), "tail of it"...),
		"not a JSON object but an array": pack(t, "[]"), "invalid JSON": pack(t, "callId=c"), "gzip": {0x1f, 0x8b},
	} {
		_, err := unifonic.Parser{}.Notification(body)
		require.ErrorIs(t, err, unifonic.ErrNotObject, reason)
		require.ErrorContains(t, err, reason)
	}
}

func TestNotificationTakesControlCharactersInsideStrings(t *testing.T) {
	t.Parallel()
	escaped := parse(t, `{"callId":"c","failureReason":"no\troute\r\n\u0001\\\"x"}`)
	raw := parse(t, "{\t\"callId\":\"c\",\r\n\"failureReason\":\"no\troute\r\n\x01\\\\\\\"x\"}")
	require.Equal(t, escaped, raw, "also its event key")
	require.Equal(t, "no route", parse(t, "{\"callId\":\"c\",\"fail\x00ureReason\":\"x\",\"failureReason\":\"no\troute\"}").FailureReason)
	for _, body := range []string{"{\"callId\":\"c\"\x00}", "{\"callId\":\"c\\\t\"}", "{\x01\"callId\":\"c\"}", "{\"callId\":\"c\n}"} {
		_, err := unifonic.Parser{}.Notification([]byte(body))
		require.ErrorIs(t, err, unifonic.ErrNotObject, "%q", body)
	}
}

// nothings are the ways to write no value, as JSON values.
var nothings = []string{
	`null`, `""`, `"  "`, `"null"`, `"NULL"`, `"Null"`, `" null "`, `"undefined"`, `"None"`, `"NONE"`, `"n/a"`, `"N/A"`, `"-"`, `"--"`,
	`false`, `"false"`, `"False"`, `[]`, `"[]"`, `{}`, `"{}"`, `0`, `"0"`, `0.0`, `-0`, `"000"`, `[null]`, `[""]`, `[[]]`, `"\"\""`, `"'null'"`, `"<null>"`,
	`"(null)"`, `"nil"`, `"unknown"`, `"NaN"`, `"00000000-0000-0000-0000-000000000000"`, `"{00000000-0000-0000-0000-000000000000}"`,
	`"00000000000000000000000000000000"`,
}

func TestNothingSaidIsEmptyInIDsURLsAndNumbers(t *testing.T) {
	t.Parallel()
	for _, nothing := range nothings {
		var members []string
		for _, name := range []string{
			"applicationId", "callSid", "parentCallSid", "from", "to", "accountId", "referenceId", "externalCallsId", "recordingUrl",
			"maskId", "uniqueCallId", "secondaryCallerId", "callId", "campaignId",
		} {
			members = append(members, `"`+name+`":`+nothing)
		}
		n, err := unifonic.Parser{}.Notification([]byte("{" + strings.Join(members, ",") + "}"))
		require.ErrorIs(t, err, unifonic.ErrNoKey, nothing)
		require.Equal(t, unifonic.Notification{Status: unifonic.StatusUnknown}, without(n), nothing)

		n = parse(t, `{"callId":`+nothing+`,"callSid":`+nothing+`,"uniqueCallId":"u-1"}`)
		require.Equal(t, "u-1", n.Key(), "the next id that says something identifies the call: %s", nothing)
	}
	for _, something := range []string{"nullable-1", "0-1", "-1", "none-of-it", "false-friend", "1e9", "null:0", "0a"} {
		require.Equal(t, something, parse(t, `{"callId":"`+something+`"}`).Key())
	}
}

func TestEventKeyIsPinned(t *testing.T) {
	t.Parallel()
	// Keys are kept in inboxes and histories across releases: a change here would turn every redelivery into news.
	require.Equal(t, "v1-17f30c1955a49f8b071133459254efabff78a10c6d36dc06cccf823005dfebb7",
		parse(t, `{"callId":"c","text":"a\"\\\u0001é<&>","n":[1.0,-2e3,null,true,false,{}]}`).EventKey())
}

func TestEventKeyIgnoresHowTheSameIsWritten(t *testing.T) {
	t.Parallel()
	want := parse(t, `{"callId":"c","status":"COMPLETED","x":{"a":1,"b":"é"}}`).EventKey()
	for name, body := range map[string]string{
		"white space":        " {\n\t\"callId\" : \"c\",\r\n \"status\":\"COMPLETED\", \"x\":{ \"a\":1 ,\"b\":\"é\"} }\n",
		"order of members":   `{"x":{"b":"é","a":1},"status":"COMPLETED","callId":"c"}`,
		"escapes":            `{"call\u0049d":"\u0063","status":"COMPLETED","x":{"a":1,"b":"\u00e9"}}`,
		"byte order mark":    "\xef\xbb\xbf" + `{"callId":"c","status":"COMPLETED","x":{"a":1,"b":"é"}}`,
		"repeated duplicate": `{"callId":"c","status":"COMPLETED","status":"BUSY","x":{"a":1,"b":"é","a":2}}`,
	} {
		require.Equal(t, want, parse(t, body).EventKey(), name)
	}
	for name, body := range map[string]string{
		"another value":           `{"callId":"c","status":"BUSY","x":{"a":1,"b":"é"}}`,
		"another unknown member":  `{"callId":"c","status":"COMPLETED","x":{"a":1,"b":"é"},"y":null}`,
		"a recording added":       `{"callId":"c","status":"COMPLETED","x":{"a":1,"b":"é"},"recordingUrl":"https://r"}`,
		"another case of a name":  `{"callId":"c","STATUS":"COMPLETED","x":{"a":1,"b":"é"}}`,
		"a number as text":        `{"callId":"c","status":"COMPLETED","x":{"a":"1","b":"é"}}`,
		"a number written anew":   `{"callId":"c","status":"COMPLETED","x":{"a":1.0,"b":"é"}}`,
		"white space in a string": `{"callId":"c ","status":"COMPLETED","x":{"a":1,"b":"é"}}`,
	} {
		require.NotEqual(t, want, parse(t, body).EventKey(), name)
	}
}

func TestEventKeyTellsTheFixturesApart(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/notifications/*.json")
	require.NoError(t, err)
	require.Len(t, files, 5)
	seen := map[string]string{}
	for _, f := range files {
		key := parse(t, string(fixture(t, filepath.Base(f)))).EventKey()
		require.Empty(t, seen[key])
		seen[key] = f
		compact := bytes.ReplaceAll(bytes.ReplaceAll(fixture(t, filepath.Base(f)), []byte("\n"), nil), []byte(": "), []byte(":"))
		require.Equal(t, key, parse(t, string(compact)).EventKey(), f)
	}
}
