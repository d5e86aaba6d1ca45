// Runs before the first paint: says that scripts run, so controls that need them may show.
document.documentElement.classList.add("js");
