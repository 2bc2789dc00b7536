package unifonic

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Types of a call.
const (
	TypeIVR      = "ivr"
	TypeTTS      = "tts"
	TypeAudioURL = "audioUrl"
	TypeOTP      = "otp"
)

// CreateCallRequest asks for a call to one number, so that one callId is one call (the provider's reference, section
// 4, item 23). The field that belongs to Type is set: IVR, TTS, AudioID or OTP. It carries phone numbers, in E.164.
type CreateCallRequest struct {
	To                string
	CallerID          string
	SecondaryCallerID string // if set, the provider fails over to it by itself
	Type              string
	IVR               json.RawMessage // an object, or an array of objects; sent as it is
	TTS               *TTS
	AudioID           string
	OTP               *OTP
	CallRecording     bool
	Expiry            *time.Time
	ReferenceID       string
}

// TTS is a text to speak.
type TTS struct {
	Language string `json:"language,omitempty"` // "english" or "arabic"
	Voice    string `json:"voice,omitempty"`    // "male" or "female"
	Text     string `json:"text"`
}

// OTP is a one-time code to speak. The provider wants text in all members.
type OTP struct {
	Language string `json:"language,omitempty"`
	Code     string `json:"code"`
	Loop     string `json:"loop,omitempty"`
	AudioURL string `json:"audioUrl,omitempty"`
}

// callBody is the request on the wire. secondaryCallerId beside callerId is an inference: the provider documents that
// the API request has it, not where (the provider's reference, section 1.3).
type callBody struct {
	Recipient         []string        `json:"recipient"`
	CallerID          string          `json:"callerId"`
	SecondaryCallerID string          `json:"secondaryCallerId,omitempty"`
	Type              string          `json:"type"`
	CallRecording     bool            `json:"callRecording,omitempty"`
	Expiry            string          `json:"expiry,omitempty"`
	ReferenceID       string          `json:"referenceId,omitempty"`
	IVR               json.RawMessage `json:"ivr,omitempty"`
	TTS               *TTS            `json:"tts,omitempty"`
	AudioID           string          `json:"audioId,omitempty"`
	OTP               *OTP            `json:"otp,omitempty"`
}

// CreatedCall is the provider's acceptance of a call.
type CreatedCall struct{ CallID string }

// CreateCall asks the provider to place a call. It sends the request at most once. Success means that the provider
// accepted the call and returned its callId. Every error is a *CallError, whose verdict says whether a call may have been
// placed nevertheless.
func (c *Client) CreateCall(ctx context.Context, r CreateCallRequest) (CreatedCall, error) {
	const op = "create call"
	body := callBody{
		Recipient: []string{r.To}, CallerID: r.CallerID, SecondaryCallerID: r.SecondaryCallerID, Type: r.Type,
		CallRecording: r.CallRecording, ReferenceID: r.ReferenceID, IVR: r.IVR, TTS: r.TTS, AudioID: r.AudioID, OTP: r.OTP,
	}
	if r.Expiry != nil {
		body.Expiry = r.Expiry.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	a := c.do(ctx, request{method: http.MethodPost, path: "calls", body: body, appsID: c.appsID, once: true})
	if !a.ok() {
		return CreatedCall{}, refusedCall(c.callError(op, a, ""))
	}
	o, err := decodeObjectBody(a.body, "callId")
	if err != nil {
		return CreatedCall{}, c.callError(op, a, "accepted, but the answer cannot be read: "+err.Error())
	}
	id := o.said("callId")
	if id == "" {
		return CreatedCall{}, c.callError(op, a, "accepted, but the answer names no callId")
	}
	return CreatedCall{CallID: id}, nil
}
