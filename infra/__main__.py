"""The program: settings, then what the app needs, then the release step, then what runs. The same on every platform."""

from infra.context import Context
from infra.environment import AppEnvironment, SecretKey
from infra.outputs import export_outputs
from infra.platforms import load_platform
from infra.settings import Settings

settings = Settings.load()  # checks every setting; one error lists all that is wrong
platform = load_platform(settings.platform)
platform.preflight(settings)  # checks the machine or the account before anything is created

image = platform.AppImage("image", settings)
network = platform.Network("network", settings)
context = Context(settings, network)  # what all other components are made with
address = platform.Address("address", context)
database = platform.Database("database", context)
media = platform.MediaStorage("media", context, address)
cache = platform.Cache("cache", context) if settings.has_cache else None
mail = platform.Mail("mail", context) if settings.has_mail else None
environment = AppEnvironment.of(settings, address, database, media, SecretKey("secret-key"), cache, mail)
release = platform.Release("release", context, image, environment)
processes = [
    platform.Process(f"process-{name}", context, environment, release, process)
    for name, process in settings.processes.items()
]
# After them, so that no process is older than the web whose tasks it gets.
web = platform.Web("web", context, environment, release, processes)
if settings.schedules:
    platform.Schedules("schedules", context, release, web)
export_outputs(image, environment, cache, mail, release)
