package intake

import (
	"errors"
	"net/url"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/phone"
)

var (
	forms    = sync.OnceValue(newRules)
	messages = map[string]string{
		"required": "is required",
		"phone":    "must be a phone number in E.164: +, country code and digits only",
		"nefield":  "must differ from the other number",
		"opens":    `must be a time of day like "09:00", from 00:00 to 23:59`,
		"closes":   `must be a time of day like "22:00", from 00:00 to 24:00`,
		"timezone": `must be a time zone of the IANA database, like "Asia/Riyadh"`,
		"weburl":   "must be an http or https URL",
		"number":   "must be digits only",
		"max":      "is too long",
		"min":      "must not be empty; omit it instead",
	}
)

// newRules returns the rules for single fields. Rules over several fields are with their request. They are here and not in
// tags, because package calls is public and knows nothing of validation.
func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(jsonName)
	must := func(tag string, ok func(string) bool) {
		if err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return ok(f.Field().String()) }); err != nil {
			panic("intake: register rule " + tag + ": " + err.Error()) // only a wrong tag name gets here
		}
	}
	must("phone", phone.Valid)
	must("opens", func(s string) bool { m, ok := outbound.TimeOfDay(s); return ok && m < outbound.EndOfDay })
	must("closes", func(s string) bool { _, ok := outbound.TimeOfDay(s); return ok })
	must("weburl", webURL)
	v.RegisterStructValidationMapRules(map[string]string{
		"To": "required,phone", "CallerID": "required,phone", "SecondaryCallerID": "omitempty,phone",
		"Type": "required,oneof=ivr tts audioUrl otp", "AudioID": "max=200",
		"Class": "omitempty,oneof=service advertising awareness warning",
	}, calls.OutboundCallRequest{})
	v.RegisterStructValidationMapRules(map[string]string{
		"Language": "omitempty,oneof=english arabic", "Voice": "omitempty,oneof=male female", "Text": "required,max=4000",
	}, calls.TTS{})
	v.RegisterStructValidationMapRules(map[string]string{
		"Language": "omitempty,oneof=english arabic", "Code": "required,number,max=20", "Loop": "omitempty,number,max=2",
		"AudioURL": "omitempty,weburl",
	}, calls.OTP{})
	v.RegisterStructValidationMapRules(map[string]string{
		"On": "dive,oneof=BUSY NO_ANSWER REJECTED CANCELLED FAILED", "By": "omitempty,oneof=aftercall provider",
		"MaxAttempts": "max=5,min=0", "OnUnknown": "omitempty,oneof=assume-placed redial",
	}, calls.Failover{})
	v.RegisterStructValidationMapRules(map[string]string{"CallerID": "omitempty,oneof=same alternate"}, calls.Retry{})
	v.RegisterStructValidationMapRules(map[string]string{
		"Scope": "required,oneof=all service advertising awareness warning", "Reason": "max=200",
	}, Suppression{})
	v.RegisterStructValidationMapRules(map[string]string{
		"Timezone": "required,timezone", "From": "required,opens", "To": "required,closes",
	}, calls.CallingHours{})
	v.RegisterStructValidationMapRules(map[string]string{
		"From": "omitempty,phone", "To": "required,phone",
	}, calls.MaskingSessionRequest{})
	v.RegisterStructValidationMapRules(map[string]string{
		"To": "omitempty,phone", "ReferenceID": "max=128",
	}, TrackRequest{})
	return v
}

// form checks the single fields of a request, which is a struct with rules.
func (e *Errors) form(request any) {
	var faults validator.ValidationErrors
	if !errors.As(forms().Struct(request), &faults) {
		return
	}
	for _, f := range faults {
		_, path, _ := strings.Cut(f.Namespace(), ".")
		message := messages[f.Tag()]
		number, _ := f.Value().(string)
		switch {
		case f.Tag() == "phone" && phone.TrunkZero(number):
			message = "must be a phone number in E.164: omit the 0 after the country code, which is only for calls within the country"
		case f.Tag() == "oneof":
			message = "must be one of " + strings.ReplaceAll(f.Param(), " ", ", ")
		case path == "failover.maxAttempts":
			message = attemptsRange
		}
		e.add(path, message)
	}
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
