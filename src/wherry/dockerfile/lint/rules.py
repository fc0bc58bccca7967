"""PURE: the rules as data.  Source: the Docker documentation, "Build checks"."""

from __future__ import annotations

from wherry.typed import NamedTuple


class Rule(NamedTuple):
    """`message` takes the details of a finding; `experimental` ones are asked for by name."""

    description: str
    message: str
    experimental: bool = False


RULES = {
    "StageNameCasing": Rule("Stage names should be lowercase", "Stage name '{}' should be lowercase"),
    "FromAsCasing": Rule(
        "The 'as' keyword should match the case of the 'from' keyword",
        "'{}' and '{}' keywords' casing do not match",
    ),
    "NoEmptyContinuation": Rule(
        "Empty continuation lines will become errors in a future release", "Empty continuation line"
    ),
    "ConsistentInstructionCasing": Rule(
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
        "Command '{}' should match the case of the command majority ({})",
    ),
    "DuplicateStageName": Rule(
        "Stage names should be unique", 'Duplicate stage name "{}", stage names should be unique'
    ),
    "ReservedStageName": Rule(
        "Reserved words should not be used as stage names",
        'Stage name should not use the same name as reserved stage "{}"',
    ),
    "JSONArgsRecommended": Rule(
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS "
        "signals",
        "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
    ),
    "MaintainerDeprecated": Rule(
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
        "Maintainer instruction is deprecated in favor of using label",
    ),
    "UndefinedArgInFrom": Rule(
        "FROM command must use declared ARGs", "FROM argument '{}' is not declared{}"
    ),
    "WorkdirRelativePath": Rule(
        "Relative workdir without an absolute workdir declared within the build can have unexpected "
        "results if the base image changes",
        'Relative workdir "{}" can have unexpected results if the base image changes',
    ),
    "UndefinedVar": Rule(
        "Variables should be defined before their use", "Usage of undefined variable '${}'{}"
    ),
    "MultipleInstructionsDisallowed": Rule(
        "Multiple instructions of the same type should not be used in the same stage",
        "Multiple {} instructions should not be used in the same stage because only the last one will be "
        "used",
    ),
    "LegacyKeyValueFormat": Rule(
        "Legacy key/value format with whitespace separator should not be used",
        '"{0} key=value" should be used instead of legacy "{0} key value" format',
    ),
    "InvalidBaseImagePlatform": Rule(
        "Base image platform does not match expected target platform",
        'Base image {} was pulled with platform "{}", expected "{}" for current build',
    ),
    "RedundantTargetPlatform": Rule(
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default "
        "behavior",
        "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
    ),
    "SecretsUsedInArgOrEnv": Rule(
        "Sensitive data should not be used in the ARG or ENV commands",
        'Do not use ARG or ENV instructions for sensitive data ({} "{}")',
    ),
    "InvalidDefaultArgInFrom": Rule(
        "Default value for global ARG results in an empty or invalid base image name",
        "Default value for ARG {} results in empty or invalid base image name",
    ),
    "FromPlatformFlagConstDisallowed": Rule(
        "FROM --platform flag should not use a constant value",
        'FROM --platform flag should not use constant value "{}"',
    ),
    "CopyIgnoredFile": Rule(
        "Attempting to Copy file that is excluded by .dockerignore",
        'Attempting to {} file "{}" that is excluded by .dockerignore',
    ),
    "InvalidDefinitionDescription": Rule(
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. "
        "If this is not intended to be a description comment, add an empty line or comment between the "
        "instruction and the comment.",
        "Comment for {0} should follow the format: `# {1} <description>`",
        experimental=True,
    ),
    "ExposeProtoCasing": Rule(
        "Protocol in EXPOSE instruction should be lowercase",
        "Defined protocol '{}' in EXPOSE instruction should be lowercase",
    ),
    "ExposeInvalidFormat": Rule(
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an "
        "error in a future release",
        "EXPOSE instruction should not define an IP address or host-port mapping, found '{}'",
    ),
    # wherry's own: what the finished image would start.
    "ProgramNotFound": Rule(
        "The program that the image starts should be in the image",
        "{} starts {}, which is not in the image",
    ),
    "ProgramNotExecutable": Rule(
        "The program that the image starts should be an executable file",
        "{} starts {}, which is {}",
    ),
    "InterpreterNotFound": Rule(
        "The interpreter that a script names in its first line should be in the image",
        "{} starts {}, a script for {}, which is not in the image",
    ),
    "WrongArchitecture": Rule(
        "The program that the image starts should be for the image's platform",
        "{} starts {}, a program for {} in an image for {}",
    ),
    "LoaderNotFound": Rule(
        "A dynamically linked program needs its loader in the image: without it the kernel says no such "
        "file or directory",
        "{} starts {}, which needs the loader {}, and the image does not have it",
    ),
    "LibraryNotFound": Rule(
        "The libraries that a program needs should be in the image",
        "{} starts {}, which needs {}, and the image does not have it",
    ),
    # And what its layers carry for nothing.
    "RepeatedFiles": Rule(
        "A RUN step that changes the mode or the owner of files makes a layer that has them again",
        "RUN brings {} again that {} of line {} brought, with another mode, owner or time",
    ),
    "RemovedLater": Rule(
        "What a later step removes stays in the layer that brought it",
        "RUN removes {} that {} of line {} brought: the image keeps the bytes",
    ),
    "PackageListsLeft": Rule(
        "Package lists are of no use in an image",
        "RUN leaves {} of package lists in {}",
    ),
    "DebugSymbols": Rule(
        "The program that an image starts does not need its debug symbols",
        "{} brings {} of debug symbols in {}",
    ),
}


# What is found before any instruction is understood as a whole.
OF_PARSER = frozenset(
    (
        "StageNameCasing",
        "FromAsCasing",
        "NoEmptyContinuation",
        "MaintainerDeprecated",
        "InvalidDefinitionDescription",
    )
)


class Finding(NamedTuple):
    """One place that breaks a rule; lines from 1, 0 where it has none.  `fix`: what to do, if we know."""

    rule: str
    message: str
    line: int = 0
    end_line: int = 0
    fix: str = ""

    def short(self) -> str:
        place = f" (line {self.line})" if self.line else ""
        return f"{self.rule}: {self.message}{place}"


def finding(rule: str, line: int, end_line: int, *details: object, fix: str = "") -> Finding:
    return Finding(rule, RULES[rule].message.format(*details), line, end_line, fix)
