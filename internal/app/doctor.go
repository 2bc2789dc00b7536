package app

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/doctor"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Finding is the result of one check.
type Finding = doctor.Finding

// At overrides the addresses of a running aftercall that the configuration gives.
type At = doctor.At

// Doctor checks every connection of the deployment that the settings describe, see doctor.Examine.
func Doctor(ctx context.Context, cfg config.Config, target client.Options) []Finding {
	return DoctorAt(ctx, cfg, target, At{})
}

// DoctorAt is Doctor for an aftercall at other addresses.
func DoctorAt(ctx context.Context, cfg config.Config, target client.Options, at At) []Finding {
	return doctor.Examine(ctx, doctor.Deployment{
		Config: cfg, Temporal: target, At: at, Keys: Keys,
		Provider: func(cfg config.Config) (*unifonic.Client, error) { return Provider(cfg, nil) },
	})
}
