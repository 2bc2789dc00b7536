package inbox

import (
	"context"
	"errors"
)

func openSQLite(context.Context, string, Options) (Inbox, error) { return nil, errors.New("not yet") }
