package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/wording"
)

// Setting is one setting, as `aftercall config` shows it. Value and Default are text, a secret's Value is hidden.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	Secret  bool   `json:"secret,omitempty"` // may also come from a file: Name + "_FILE"
}

// Settings lists every setting in the order of Config.
func (c Config) Settings() []Setting {
	v, def := reflect.ValueOf(c), reflect.ValueOf(Default())
	out := make([]Setting, 0, v.NumField())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		s := Setting{
			Name: f.Tag.Get("env"), Meaning: f.Tag.Get("doc"), Secret: f.Tag.Get("secret") != "",
			Value: text(v.Field(i)), Default: text(def.Field(i)),
		}
		if s.Secret && s.Value != "" {
			s.Value = "(hidden)"
		}
		out = append(out, s)
	}
	return out
}

func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case []string:
		return strings.Join(x, ",")
	case time.Duration:
		return wording.Duration(x)
	default:
		return HideURL(fmt.Sprint(x))
	}
}
