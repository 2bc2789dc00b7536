package app

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/doctor"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Finding is what one check found.
type Finding = doctor.Finding

// At says where a running aftercall is asked, where that is not what the configuration says.
type At = doctor.At

// Doctor checks every connection of the deployment that the settings describe, see doctor.Examine.
func Doctor(ctx context.Context, cfg config.Config, target client.Options) []Finding {
	return DoctorAt(ctx, cfg, target, At{})
}

// DoctorAt is Doctor for an aftercall that is elsewhere.
func DoctorAt(ctx context.Context, cfg config.Config, target client.Options, at At) []Finding {
	return doctor.Examine(ctx, doctor.Deployment{
		Config: cfg, Temporal: target, At: at, Keys: Keys,
		Provider: func(cfg config.Config) (*unifonic.Client, error) { return Provider(cfg, nil) },
	})
}
