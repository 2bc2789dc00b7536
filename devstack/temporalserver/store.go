package temporalserver

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// memoryDatabases counts the in-memory databases of this process: Temporal shares them by name and never closes one.
var memoryDatabases atomic.Int64

// openStore prepares the database. When it returns, schema and namespace exist.
func openStore(o Options) (*config.SQL, error) {
	store := memoryStore()
	if o.DataFile != "" {
		store = fileStore(o.DataFile)
		if err := makeFile(o.DataFile, store); err != nil {
			return nil, err
		}
	}
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, o.SearchAttributes)
	if err != nil {
		return nil, fmt.Errorf("describe namespace %s: %w", o.Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	if err := sqliteschema.CreateNamespaces(store, namespace); err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", o.Namespace, err)
	}
	return store, nil
}

func memoryStore() *config.SQL {
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      "aftercall-" + strconv.FormatInt(memoryDatabases.Add(1), 10),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
}

// fileStore uses a write-ahead log: with SQLite's default journal Temporal is 5 to 8 times slower. A killed process
// loses nothing. A machine that loses power may lose the last moments, which is fine for development.
func fileStore(file string) *config.SQL {
	return &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: (&url.URL{Path: file}).EscapedPath(), // it becomes part of a file: URI
		ConnectAttributes: map[string]string{
			"mode": "rwc", "journal_mode": "wal", "synchronous": "normal", "busy_timeout": "5000",
		},
	}
}

// makeFile sets up the schema in a new file, which nobody else on this machine can read. A marker lies beside it until it
// is complete. A process killed in between leaves the marker, and the next start makes the file again instead of failing on
// half a schema.
func makeFile(file string, store *config.SQL) error {
	marker := file + ".new"
	if _, err := os.Stat(marker); err == nil {
		for _, name := range []string{file, file + "-wal", file + "-shm"} {
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("remove half-made database: %w", err)
			}
		}
	} else if _, err := os.Stat(file); err == nil {
		return closeToOthers(file)
	}
	// SQLite gives the files beside it the rights of the database.
	if err := errors.Join(os.WriteFile(marker, nil, 0o600), os.WriteFile(file, nil, 0o600)); err != nil {
		return fmt.Errorf("create database in %s: %w", filepath.Dir(file), err)
	}
	if err := sqliteschema.SetupSchema(store); err != nil {
		return fmt.Errorf("set up schema in %s: %w", file, err)
	}
	if err := os.Remove(marker); err != nil {
		return fmt.Errorf("finish database: %w", err)
	}
	return nil
}

// closeToOthers removes other users' right to read a database that an earlier release has made.
func closeToOthers(file string) error {
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("close database to others: %w", err)
		}
	}
	return nil
}
