package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/wording"
)

// Setting is one setting, as `aftercall config` shows it. Value and Default are text; a secret's Value is hidden.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	Secret  bool   `json:"secret,omitempty"` // Name + "_FILE" may name a file with the value
}

// Settings returns every setting in the order of Config.
func (c Config) Settings() []Setting {
	v, def := reflect.ValueOf(c), reflect.ValueOf(Default())
	var out []Setting
	for _, f := range fields() {
		s := Setting{
			Name: f.Tag.Get("env"), Meaning: f.Tag.Get("doc"), Secret: f.Tag.Get("secret") != "",
			Value: text(v.FieldByIndex(f.Index)), Default: text(def.FieldByIndex(f.Index)),
		}
		if s.Secret && f.Tag.Get("secret") != "url" && s.Value != "" {
			s.Value = "(hidden)"
		}
		out = append(out, s)
	}
	return out
}

// fields returns the fields of Config that are settings.
func fields() []reflect.StructField {
	all := reflect.VisibleFields(reflect.TypeFor[Config]())
	return slices.DeleteFunc(all, func(f reflect.StructField) bool { return f.Tag.Get("env") == "" })
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
