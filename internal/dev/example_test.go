package dev

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindExample(t *testing.T) {
	home, err := os.Getwd()
	require.NoError(t, err)
	t.Chdir(home + "/../..")
	e, err := findExample("reminder", false)
	require.NoError(t, err)
	require.Equal(t, &example{"examples", "reminder"}, e)
	_, err = findExample("reminders", false)
	require.ErrorContains(t, err, "there are collections, delivery, otp, reminder")
	_, err = findExample("reminder", true)
	require.ErrorContains(t, err, "real phones")
	e, err = findExample("", true)
	require.NoError(t, err)
	require.Nil(t, e)
	t.Chdir(t.TempDir())
	_, err = findExample("reminder", false)
	require.ErrorContains(t, err, "clone of the repository")
}
