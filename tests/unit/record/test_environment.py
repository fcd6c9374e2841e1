import subprocess
import sys
import time

from flor.record import environment


def kept(**variables: str) -> dict[str, str]:
    found: dict[str, str] = environment.at_start(variables)["variables"]
    return found


def test_variables_of_libraries_and_schedulers_are_kept_and_no_others() -> None:
    given = {"OMP_NUM_THREADS": "2", "SLURM_JOB_ID": "7", "TOKENIZERS_PARALLELISM": "false", "TF_CUDNN": "1"}

    assert kept(**given, HOME="/home/ada", WANDB_API_KEY="k", AWS_SECRET_ACCESS_KEY="s") == given


def test_variables_that_hold_secrets_are_not_kept_though_they_begin_like_those_that_are() -> None:
    secrets = ("SLURM_JWT", "TF_TOKEN_app_terraform_io", "TF_VAR_database", "PYTHON_INDEX_PASSWORD")

    assert kept(**dict.fromkeys(secrets, "hidden")) == {}


def test_variables_that_the_program_reads_by_name_are_kept_too() -> None:
    program = """
        scale = float(os.environ.get("SCALE", 1)) + int(environ["STEPS"])
        mode = os.getenv('MYAPP_MODE'); os.environ.setdefault( "DATA", "x")
        key = os.environ["OPENAI_API_KEY"]; home = os.environ["HOME"]; other = "QUOTED"
    """
    asked = environment.asked_for([program])

    assert asked == ["DATA", "MYAPP_MODE", "SCALE", "STEPS"]
    found = environment.at_start({"SCALE": "2", "HOME": "/home/ada", "UNREAD": "1"}, asked)
    assert (found["variables"], found["asked"]) == ({"SCALE": "2"}, asked)


def test_what_may_hold_a_secret_or_an_address_with_one_is_not_among_what_a_program_asks_for() -> None:
    names = (
        "DATABASE_URL",
        "AZURE_CONNECTION",
        "OPENAI_APIKEY",
        "SMTP_LOGIN",
        "DB_PWD",
        "slack_webhook",
        "MONGO_URI",
    )
    program = "import os\n" + "".join(f"os.environ.get('{name}')\n" for name in (*names, "SCALE"))

    assert environment.asked_for([program]) == ["SCALE"]


def test_a_process_knows_how_long_ago_it_was_started() -> None:
    program = (
        "import time; time.sleep(0.5); from flor.record import environment as e; print(e.age_of_process_s())"
    )
    began = time.perf_counter()

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert 0.45 < float(said.stdout) < time.perf_counter() - began + 0.05
